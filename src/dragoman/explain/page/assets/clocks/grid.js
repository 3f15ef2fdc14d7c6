/* The grid of what each decoder position may look at, with what it has to say behind it, and a dial of ticks.
   A step changes classes only: the cells are drawn once. Knows no mode and no model. */

import { h, s } from "../drawing/dom.js";
import { cut, estimate } from "../drawing/written.js";

const HEAD = 18; // px for the names of the columns at the right
const NAMES = 62; // px at most for the words that are fed
const ENDS = 58; // for those that have to be said
const BAR = [40, 120]; // px, the least and the most of a bar
const FIGURE = 42;

/**
 * spec: names (fed at each row), ends (to be said), allowed(r, c), masked(r, c), bars [0..1], figures (text), width
 * (px to fill), heads [left, right, figure], label, secret (rows to come keep their words hidden), onPick(r).
 * Gives { element, show(now, state(r)) }: the states are "wait", "kept" and "lit".
 */
export function grid(spec) {
  return new Grid(spec);
}

class Grid {
  constructor(spec) {
    this.spec = spec;
    const { names, ends, width } = spec;
    const n = names.length;
    this.row = n <= 7 ? 24 : n <= 14 ? 20 : n <= 32 ? 15 : 8;
    this.named = this.row > 10;
    const room = (words, most) => Math.min(most, 10 + Math.max(...words.map((text) => estimate(text, 6.8, 11.5))));
    this.left = this.named ? room(names, NAMES) : 8;
    this.ends = this.named ? room(ends, ENDS) : 0;
    const right = this.ends + BAR[0] + FIGURE + 8;
    this.cell = Math.max(3, Math.min(this.row, (width - this.left - right) / n));
    this.end = this.left + n * this.cell + 8;
    this.bar = Math.max(BAR[0], Math.min(BAR[1], width - this.end - this.ends - FIGURE));
    this.wide = this.end + this.ends + this.bar + FIGURE;
    this.high = HEAD + n * this.row + 2;
    this.rows = names.map((_, r) => this.line(r));
    this.states = names.map(() => "");
    const picture = s(
      `svg.clock-grid${spec.secret ? ".secret" : ""}`,
      { width: this.wide, height: this.high, viewBox: `0 0 ${this.wide} ${this.high}`, role: "img", "aria-label": spec.label },
      this.heads(),
      this.rows,
    );
    this.element = h("div.scroll", {}, picture);
  }

  heads() {
    const [left, right, figure] = this.spec.heads;
    const y = HEAD - 6;
    return [
      s("text.head", { x: 0, y }, left),
      this.named && s("text.head", { x: this.end, y }, right),
      s("text.head", { x: this.wide - 2, y, "text-anchor": "end" }, figure),
    ];
  }

  line(r) {
    const { names, ends, bars, figures, onPick } = this.spec;
    const y = HEAD + r * this.row;
    const middle = y + this.row / 2 + 4;
    const tall = Math.max(3, this.row - 6);
    const bar = { x: this.end + this.ends, y: y + (this.row - tall) / 2, width: Math.max(1, bars[r] * this.bar), height: tall, rx: 2 };
    return s(
      "g.row",
      { "data-row": r, on: { click: () => onPick(r) } },
      s("rect.hit", { x: 0, y, width: this.wide, height: this.row }),
      s("path.hatch", { d: this.cells(r, y, true) }),
      s("path.cells", { d: this.cells(r, y, false) }),
      this.named && s("text.fed", { x: this.left - 6, y: middle, "text-anchor": "end" }, cut(names[r], this.left - 6)),
      this.named && s("text.end", { x: this.end, y: middle }, cut(ends[r], this.ends - 4)),
      s("rect.bar", bar),
      this.named && s("text.figure", { x: this.wide - 2, y: middle, "text-anchor": "end" }, figures[r]),
      s("rect.frame", { x: 1, y: y + 0.5, width: this.wide - 2, height: this.row - 1, rx: 3 }),
    );
  }

  cells(r, y, hidden) {
    const { names, allowed, masked } = this.spec;
    const gap = this.cell > 6 ? 1 : 0;
    const [wide, tall] = [this.cell - gap, this.row - 1];
    let path = "";
    for (let c = 0; c < names.length; c++) {
      const x = this.left + c * this.cell;
      if (hidden ? !masked(r, c) : !allowed(r, c)) continue;
      if (hidden && this.cell < 5) continue; // lines closer than that are a grey area
      path += hidden ? `M${x + 2} ${y + tall - 2}L${x + wide - 2} ${y + 2}` : `M${x} ${y}h${wide}v${tall}h${-wide}z`;
    }
    return path;
  }

  show(now, state) {
    this.rows.forEach((row, r) => {
      const name = `row ${state(r)}${r === now ? " now" : ""}`;
      if (name === this.states[r]) return;
      this.states[r] = name;
      row.setAttribute("class", name);
    });
  }
}

const DIAL = 76; // px
const RADIUS = 30;

/** A ring with one piece for each tick, "encoder" or "decoder". Gives { element, show(done) }. */
export function dial(ticks, say) {
  const turn = (2 * Math.PI) / ticks.length;
  const gap = Math.min(0.14, turn * 0.22);
  const at = (angle) => `${(DIAL / 2 + RADIUS * Math.sin(angle)).toFixed(2)} ${(DIAL / 2 - RADIUS * Math.cos(angle)).toFixed(2)}`;
  const pieces = ticks.map((kind, i) => {
    const [from, to] = [i * turn + gap / 2, (i + 1) * turn - gap / 2];
    return s(`path.piece.${kind}`, { d: `M ${at(from)} A ${RADIUS} ${RADIUS} 0 ${to - from > Math.PI ? 1 : 0} 1 ${at(to)}` });
  });
  const figure = s("text.done", { x: DIAL / 2, y: DIAL / 2 + 2 });
  const element = s(
    "svg.dial",
    { width: DIAL, height: DIAL, viewBox: `0 0 ${DIAL} ${DIAL}`, role: "img" },
    pieces,
    figure,
    s("text.all", { x: DIAL / 2, y: DIAL / 2 + 15 }, `/ ${ticks.length}`),
  );
  return {
    element,
    show(done) {
      pieces.forEach((piece, i) => {
        piece.classList.toggle("lit", i < done);
        piece.classList.toggle("last", i === done - 1);
      });
      figure.textContent = String(done);
      element.setAttribute("aria-label", say("clocks.ticks", { done, all: ticks.length }));
    },
  };
}
