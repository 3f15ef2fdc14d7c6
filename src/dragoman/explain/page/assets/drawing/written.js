/* Numbers of any size, and texts that have to fit: what the clocks and the loss have in common. Knows no view. */

import { h, visible } from "./dom.js";

/** Three digits that count, however small: 0.00001245 -> "1.25e−5". */
export function exact(x, digits = 3) {
  if (x === 0) return "0";
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  const text = size < 1e-3 || size >= 1e6 ? x.toExponential(digits - 1) : String(Number(x.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

/** Decimals kept whatever the size: a difference of two logits is read to the last of them. */
export function fixed(x, decimals) {
  return Number.isFinite(x) ? x.toFixed(decimals).replace("-", "−") : "–";
}

/** Where parts stand in the sources, in one line: `named` are [part, what to call it]. */
export function sources({ code }, named) {
  const known = named.filter(([part]) => code[part]);
  const list = known.map(([part, name], i) => [i > 0 && " · ", `${name} `, h("code", {}, `dragoman/${code[part]}`)]);
  return list.length > 0 && h("p.code", {}, list);
}

/** Width in px of a text in the monospaced face, estimated: measuring would need it to be in the page already. */
export function estimate(text, latin = 8, wide = 14) {
  let sum = 0;
  for (const letter of visible(text)) sum += letter.codePointAt(0) > 0x2e7f ? wide : latin;
  return sum;
}

/** A text cut so that it fits, with an ellipsis, never in the middle of a letter. */
export function cut(text, room, latin = 6.8, wide = 11.5) {
  const shown = visible(text);
  if (estimate(shown, latin, wide) <= room) return shown;
  const letters = Array.from(shown);
  while (letters.length > 1 && estimate(letters.join(""), latin, wide) + latin > room) letters.pop();
  return `${letters.join("")}…`;
}
