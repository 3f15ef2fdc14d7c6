/* Pictures of agreement: two rankings tied by lines, and correlations as dots on a scale. Knows no trace. */

import { s, percent, visible } from "../drawing/dom.js";
import { cut, wideOf } from "../layers/picture.js";

const LINE = 25; // px of a row
const BAR = 62; // px of the largest share
const SHOWN = 10; // rows of a ranking

/**
 * Two rankings of the same words. spec: words, left, right (shares), heads [left, right], width, label.
 * A word is shown if either side has it among its first.
 */
export function slopes(spec) {
  const { words, left, right, heads, width, label } = spec;
  const order = (shares) => words.map((_, i) => i).sort((a, b) => shares[b] - shares[a] || a - b);
  const places = (shares) => {
    const made = [];
    order(shares).forEach((word, place) => {
      made[word] = place;
    });
    return made;
  };
  const [here, there] = [places(left), places(right)];
  const shown = words.map((_, i) => i).filter((i) => here[i] < SHOWN || there[i] < SHOWN);
  const row = (place) => Math.min(place, SHOWN + 0.4);
  const longest = Math.max(...shown.map((i) => wideOf(visible(words[i]))));
  const a = Math.min(width * 0.42, BAR + 26 + longest);
  const b = a + Math.min(90, width * 0.16);
  const wide = a + b;
  const y = (place) => 36 + row(place) * LINE;
  const high = 36 + LINE * (Math.min(words.length, SHOWN + 1) - 0.4) + 8;
  const most = Math.max(...left, ...right);
  const bar = (share) => Math.max(1, (share / most) * BAR);
  const side = (shares, place, x, sign, i) => [
    s("rect.share", { x: sign < 0 ? x - 10 - bar(shares[i]) : x + 10, y: y(place) - 9, width: bar(shares[i]), height: 18, rx: 3 }),
    s("text", { x: x + sign * 14, y: y(place) + 4, "text-anchor": sign < 0 ? "end" : "start" }, percent(shares[i])),
    s("text.name", { x: x + sign * (BAR + 18), y: y(place) + 4, "text-anchor": sign < 0 ? "end" : "start" }, cut(words[i], a - BAR - 20)),
  ];
  const lines = shown.map((i) => {
    const first = here[i] === 0 || there[i] === 0;
    return s(
      `g${first ? ".first" : ""}`,
      {},
      s("line.tie", { x1: a, x2: b, y1: y(here[i]), y2: y(there[i]) }),
      here[i] < SHOWN && side(left, here[i], a, -1, i),
      there[i] < SHOWN && side(right, there[i], b, 1, i),
    );
  });
  return s(
    "svg.slopes",
    { width: wide, height: high, role: "img", "aria-label": label },
    s("text.head", { x: a - 8, y: 14, "text-anchor": "end" }, heads[0]),
    s("text.head", { x: b + 8, y: 14 }, heads[1]),
    lines,
    // Lines that leave the picture lead to words further down.
    words.length > SHOWN && [a - 10, b + 10].map((x, n) => s("text", { x, y: y(SHOWN) + 8, "text-anchor": n ? "start" : "end" }, "⋮")),
  );
}

/** Correlations from -1 to 1, one dot for each row, and their mean. mark(i | null) lifts one out. */
export function scale(values, mean, { width, label, ends }) {
  const wide = Math.min(520, width);
  const x = (value) => 14 + ((value + 1) / 2) * (wide - 28);
  const dots = values.map((value) => value !== null && s("circle.one", { cx: x(value), cy: 30, r: 5 }));
  const element = s(
    "svg.scale",
    { width: wide, height: 70, role: "img", "aria-label": label },
    s("line.grid", { x1: x(-1), x2: x(1), y1: 30, y2: 30 }),
    [-1, 0, 1].map((value) => s("line.grid", { x1: x(value), x2: x(value), y1: 22, y2: 38 })),
    [-1, 0, 1].map((value, i) =>
      s("text.tick", { x: x(value), y: 62, "text-anchor": ["start", "middle", "end"][i] }, `${value < 0 ? "−1" : value} ${ends[i]}`),
    ),
    mean !== null && s("path.mean", { d: `M ${x(mean)} 44 l -6 -10 h 12 Z`, transform: `rotate(180 ${x(mean)} 39)` }),
    dots,
  );
  const mark = (i) => {
    dots.forEach((dot, n) => dot && dot.classList.toggle("here", n === i));
    if (dots[i]) element.append(dots[i]);
  };
  return { element, mark };
}
