/* From text to ids: what was typed, what normalising made of it, the pieces and their numbers, the vectors they fetch. */

import { h, table, word, swap } from "../drawing/dom.js";
import { row, reach, norm } from "../trace/tensor.js";
import { strip } from "../drawing/heat.js";
import { number } from "../drawing/dom.js";
import { codeLine } from "../drawing/arithmetic.js";

export function text(context) {
  const { trace, say, model, store } = context;
  const { source } = trace;
  const changed = source.text !== source.prepared;
  const side = h("div");
  const raw = h("p.raw");
  spans(raw, source.text, source.tokens);
  context.watch(["mode"], () => swap(side, tokens(context, model.fed(store.mode), "target")));
  return h(
    "div",
    {},
    h("p.lead", {}, say("text.lead")),
    h("h3", {}, say("text.typed")),
    raw,
    context.model.marksSpaces() && h("p.fine", {}, say("words.space")),
    context.model.aTag() && h("p.fine", {}, say("words.tag", { tag: context.model.aTag() })),
    context.model.aByte() && h("p.fine", {}, say("words.bytes", { byte: context.model.aByte() })),
    h("p", {}, changed ? [say("text.changed"), " ", word(source.prepared)] : say("text.same")),
    h("h3", {}, say("text.source")),
    tokens(context, source.tokens, "source"),
    h("h3", {}, say("text.target")),
    h("p", {}, say("text.target.what")),
    side,
  );
}

/** The text cut at the spans of its tokens, so that pointing at a token shows its letters. */
function spans(holder, whole, list) {
  // Spans count code points; slices of a string count UTF-16 units, which differ at the first emoji.
  const letters = Array.from(whole);
  let done = 0;
  list.forEach((token, i) => {
    if (!token.span) return;
    const [from, to] = token.span;
    if (from > done) holder.append(letters.slice(done, from).join(""));
    if (to > done) holder.append(h("span.piece", { "data-piece": i }, letters.slice(Math.max(from, done), to).join("")));
    done = Math.max(done, to);
  });
  holder.append(letters.slice(done).join(""));
  holder.setAttribute("dir", "auto");
}

function tokens(context, list, side) {
  const { model, store, say, palette } = context;
  const parts = model.pass(store.mode).embedding?.[side];
  if (!parts) return bare(context, list);
  const kept = parts.sum.shape[0];
  const vector = say(model.addsPositions ? "text.vector" : "text.vector.plain");
  const most = reach(...Array.from({ length: Math.min(40, kept) }, (_, i) => row(parts.sum, i)));
  const shown = list.slice(0, Math.min(60, kept));
  const rows = shown.map((token, i) => {
    const light = (on) => () =>
      document.querySelectorAll(`[data-piece="${i}"]`).forEach((piece) => piece.classList.toggle("lit", on && side === "source"));
    return h(
      "tr",
      { tabindex: "0", on: { pointerenter: light(true), pointerleave: light(false), focus: light(true), blur: light(false) } },
      h("td.num", {}, String(i)),
      h("td", {}, word(token.piece), token.byte && h("span.tag", {}, say("text.byte"))),
      h("td.num", {}, String(token.id)),
      h("td", {}, strip(palette, row(parts.sum, i), { width: 192, reach: most, label: vector })),
      h("td.num", {}, number(norm(row(parts.token, i)))),
      h("td.num", {}, number(norm(row(parts.scaled, i)))),
    );
  });
  const head = ["#", say("text.piece"), say("text.id"), vector, say("text.norm"), say("text.scaled")];
  return h(
    "div",
    {},
    table(head, rows, { class: "tokens" }),
    list.length > shown.length && h("p.limit", {}, say("page.limit", { n: shown.length, all: list.length })),
    codeLine(context, "embedding"),
  );
}

/** Of a model that shows no vectors: the pieces and their numbers alone. */
function bare({ say }, list) {
  const shown = list.slice(0, 60);
  const rows = shown.map((token, i) => [String(i), word(token.piece), String(token.id)]);
  return [
    table(["#", say("text.piece"), say("text.id")], rows, { class: "tokens" }),
    list.length > shown.length && h("p.limit", {}, say("page.limit", { n: shown.length, all: list.length })),
  ];
}
