/* Pictures of lengths: bars in groups, lines through the depth, dots in rows, and the order of Add & Norm. Knows no trace. */

import { s, swap, visible } from "../drawing/dom.js";
import { walk, inSight } from "../drawing/walk.js";

const LEFT = 44; // px for the numbers of the axis
const NARROWEST = 34; // px of a group: below that the picture scrolls
const HIGH = 150;
const TOP = 10;

/** The next round number: the top of an axis that wastes no room. */
export function nice(x) {
  if (!(x > 0) || !Number.isFinite(x)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= x * 0.9999) * power;
}

/** About how many pixels a text takes at 12 px: letters of Chinese are as wide as high. */
export function wideOf(text) {
  return Array.from(text).reduce((sum, letter) => sum + (letter.codePointAt(0) > 0x2e7f ? 12 : 7.3), 0);
}

/** A text cut to so many pixels, by the usual width of its letters. */
export function cut(text, room) {
  const letters = Array.from(visible(text));
  if (wideOf(letters.join("")) <= room) return letters.join("");
  while (letters.length > 1 && wideOf(letters.join("")) > room - 8) letters.pop();
  return `${letters.join("")}…`;
}

/** Names below a picture: level where they fit, else slanted. Gives [elements, height]. */
function names(labels, place, pitch, y) {
  const level = labels.every((label) => wideOf(visible(label)) <= pitch - 4);
  const room = level ? pitch : 90;
  const made = labels.map((label, i) =>
    level
      ? s("text.name", { x: place(i), y: y + 16, "text-anchor": "middle" }, cut(label, room))
      : s("text.name", { transform: `translate(${place(i) + 5} ${y + 12}) rotate(-38)`, "text-anchor": "end" }, cut(label, room)),
  );
  const longest = Math.max(...labels.map((label) => Math.min(room, wideOf(visible(label)))));
  return [made, level ? 24 : 20 + longest * 0.62];
}

function axis(most, right, format) {
  return [0, 0.5, 1].map((share) => {
    const y = TOP + HIGH * (1 - share);
    return [
      s("line.grid", { x1: LEFT, x2: right, y1: y, y2: y }),
      s("text.tick", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, format(most * share)),
    ];
  });
}

/**
 * spec: labels; series [{ name, values, look: "open" | "full" | "ink" | "norm" }]; side; width; label; format(x);
 * most?; onPick(i). Gives { element, mark(i | null, seen) }: groups from `seen` on are not computed yet.
 */
export function bars(spec) {
  return new Bars(spec);
}

class Bars {
  constructor(spec) {
    const { labels, series, width, side, label, format } = spec;
    this.spec = spec;
    this.pitch = Math.max(NARROWEST, Math.min(92, (width - LEFT - 8) / labels.length));
    this.most = spec.most ?? nice(Math.max(...series.flatMap(({ values }) => values)));
    const right = LEFT + this.pitch * labels.length;
    const [under, foot] = names(labels, (i) => LEFT + (i + 0.5) * this.pitch, this.pitch, TOP + HIGH);
    const high = TOP + HIGH + foot;
    this.groups = labels.map((_, i) => this.group(i, under[i], high));
    this.element = s(
      `svg.chart.${side}`,
      { width: right + 8, height: high, role: "group", "aria-label": label },
      axis(this.most, right, format),
      this.groups,
    );
    const step = { ArrowLeft: -1, ArrowRight: 1 };
    this.walk = walk(this.groups, (i, key) => (step[key] ? i + step[key] : null), (i) => spec.onPick(i));
  }

  group(i, name, high) {
    const { labels, series, format } = this.spec;
    const told = series.map((one) => `${one.name} ${format(one.values[i])}`).join(", ");
    const wide = Math.min(15, (this.pitch - 8) / series.length);
    const start = LEFT + (i + 0.5) * this.pitch - (wide * series.length) / 2;
    const y = (value) => TOP + HIGH * (1 - Math.min(1, value / this.most));
    return s(
      "g.group",
      { "aria-label": `${visible(labels[i])}: ${told}`, "data-index": i },
      s("title", {}, `${visible(labels[i])}: ${told}`),
      s("rect.hit", { x: LEFT + i * this.pitch + 1, y: 1, width: this.pitch - 2, height: high - 2, rx: 6 }),
      series.map(({ values, look }, n) =>
        s(`rect.bar.${look}`, {
          x: start + n * wide + 0.5, y: y(values[i]), width: wide - 1.5, height: Math.max(1, TOP + HIGH - y(values[i])) }),
      ),
      name,
    );
  }

  mark(current, seen) {
    this.groups.forEach((group, i) => {
      group.classList.toggle("here", i === current);
      group.classList.toggle("later", i >= seen);
    });
    if (current === null) return;
    this.walk.stop(current);
    if (this.element.parentElement) inSight(this.element.parentElement, LEFT + current * this.pitch, this.pitch);
  }
}

/** spec: lines (of numbers, one for each word), names (of the places), side, width, label, format. mark(i | null). */
export function depth(spec) {
  const { lines, names: labels, side, width, label, format } = spec;
  const pitch = Math.max(NARROWEST, Math.min(92, (width - LEFT - 40) / labels.length));
  const place = (i) => LEFT + (i + 0.5) * pitch;
  const most = nice(Math.max(...lines.flat()));
  const y = (value) => TOP + HIGH * (1 - value / most);
  const path = (line) => line.map((value, i) => `${i ? "L" : "M"} ${place(i)} ${y(value).toFixed(1)}`).join(" ");
  const [under, foot] = names(labels, place, pitch, TOP + HIGH);
  const bold = s("path.bold");
  const last = s("text.value");
  const element = s(
    `svg.chart.${side}`,
    { width: LEFT + pitch * labels.length + 32, height: TOP + HIGH + foot, role: "img", "aria-label": label },
    axis(most, LEFT + pitch * labels.length, format),
    lines.map((line) => s("path.faint", { d: path(line) })),
    bold,
    last,
    under,
  );
  const mark = (i) => {
    const line = i === null ? null : lines[i];
    bold.setAttribute("d", line ? path(line) : "");
    swap(last, line ? format(line[line.length - 1]) : "");
    if (line) last.setAttribute("x", place(line.length - 1) + 6);
    if (line) last.setAttribute("y", y(line[line.length - 1]) + 4);
  };
  return { element, mark };
}

/** spec: rows [{ name, values }], most, side, width, label, format: a dot for each word. mark(i | null). */
export function dots(spec) {
  const { rows, most, side, width, label, format } = spec;
  const [left, pitch] = [64, 26];
  const right = Math.min(560, width) - 16;
  const x = (value) => left + (value / most) * (right - left);
  const foot = rows.length * pitch + 6;
  const lines = rows.map(({ name, values }, r) => {
    const y = r * pitch + pitch / 2;
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)];
    return {
      still: [
        s("line.grid", { x1: left, x2: right, y1: y, y2: y }),
        s("text.tick", { x: left - 8, y: y + 4, "text-anchor": "end" }, name),
        s("line.middle", { x1: x(middle), x2: x(middle), y1: y - 9, y2: y + 9 }),
      ],
      circles: values.map((value) => s("circle.one", { cx: x(value), cy: y, r: 4.5 })),
    };
  });
  const ticks = [0, 0.5, 1].map((share) => s("text.tick", { x: x(most * share), y: foot + 12, "text-anchor": "middle" }, format(most * share)));
  const element = s(
    `svg.chart.${side}`,
    { width: right + 16, height: foot + 18, role: "img", "aria-label": label },
    lines.map(({ still, circles }) => [still, circles]),
    ticks,
  );
  let before = null;
  const mark = (i) => {
    for (const { circles } of lines) {
      circles[before]?.classList.remove("here");
      circles[i]?.classList.add("here");
      // The last one drawn lies on top.
      if (circles[i]) element.append(circles[i]);
    }
    before = i;
  };
  return { element, mark };
}

const WIRE = 34; // y of the stream in a drawing of the order
const BELOW = 92; // y of the sublayer

/**
 * One order of Add & Norm, "pre" or "post". words: { norm, sublayer }; label; side, or "" for the one that is not used.
 * Gives { element, tell({ x, sublayer, sum, normed }) }, which writes the lengths beside the wires.
 */
export function order(kind, words, side, label) {
  const plan =
    kind === "pre"
      ? { norm: [66, BELOW], sublayer: [158, BELOW], plus: 286, end: 336 }
      : { norm: [250, WIRE], sublayer: [84, BELOW], plus: 198, end: 336 };
  const box = ([x, y], text, wide, name) => [
    s(`rect.${name}`, { x, y: y - 17, width: wide, height: 34, rx: 7 }),
    s("text", { x: x + wide / 2, y: y + 4, "text-anchor": "middle" }, text),
  ];
  const wire = (d) => s("path.wire", { d });
  const below = kind === "pre" ? [wire(`M 40 ${WIRE} V ${BELOW} H 64`), wire(`M 126 ${BELOW} H 156`)] : [wire(`M 40 ${WIRE} V ${BELOW} H 82`)];
  const numbers = {
    x: s("text.value", { x: 8, y: WIRE - 10 }),
    normed: s("text.value", kind === "pre" ? { x: 96, y: BELOW + 33, "text-anchor": "middle" } : { x: 323, y: WIRE - 10, "text-anchor": "middle" }),
    sublayer: s("text.value", { x: plan.sublayer[0] + 47, y: BELOW + 33, "text-anchor": "middle" }),
    sum: s("text.value", { x: plan.plus + (kind === "pre" ? 16 : 4), y: WIRE - 14 }),
  };
  const element = s(
    `svg.order${side ? `.${side}` : ".unused"}`,
    { viewBox: "0 0 350 134", role: "img", "aria-label": label },
    wire(`M 8 ${WIRE} H ${plan.plus - 11}`),
    wire(kind === "pre" ? `M ${plan.plus + 11} ${WIRE} H ${plan.end}` : `M ${plan.plus + 11} ${WIRE} H 248 M 310 ${WIRE} H ${plan.end}`),
    s("path.tip", { d: `M ${plan.end + 7} ${WIRE} l -8 -4.5 v 9 Z` }),
    below,
    wire(`M ${plan.sublayer[0] + 94} ${BELOW} H ${plan.plus} V ${WIRE + 12}`),
    s("path.tip", { d: `M ${plan.plus} ${WIRE + 11} l -4.5 8 h 9 Z` }),
    s("circle.plus", { cx: plan.plus, cy: WIRE, r: 11 }),
    s("text.sign", { x: plan.plus, y: WIRE + 6, "text-anchor": "middle" }, "+"),
    box(plan.norm, words.norm, 60, "norm"),
    box(plan.sublayer, words.sublayer, 94, "sublayer"),
    Object.values(numbers),
  );
  const tell = (values) => {
    for (const [key, node] of Object.entries(numbers)) swap(node, values[key] ?? "");
  };
  return { element, tell };
}
