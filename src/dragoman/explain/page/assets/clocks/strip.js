/* Two rows of words above each other, tied where one row gives the other its words. Knows no mode and no model. */

import { h, s, word } from "../drawing/dom.js";
import { estimate } from "../drawing/written.js";

const TALL = 30; // px between the two rows
const NARROW = 42; // px, the least a column takes
const WIDE = 116;

/**
 * spec: top, bottom ({title, words: [[text, kind]], mark?: index}); ties "next" (below t is above t+1), "same", "cut"
 * (nothing is handed on) or null.
 * Gives { element, show({now, top, bottom, ties}) }: how many of each are there already, and which column
 * is now. `at` is the column to scroll to, where that is another.
 */
export function lanes(spec) {
  return new Lanes(spec);
}

class Lanes {
  constructor(spec) {
    this.spec = spec;
    const all = [...spec.top.words, ...spec.bottom.words];
    // A sign of right or other stands behind the word, so every column keeps room for one.
    this.width = Math.min(WIDE, Math.max(NARROW, ...all.map(([text, kind]) => estimate(text) + (kind === "right" || kind === "other" ? 38 : 20))));
    this.count = Math.max(spec.top.words.length, spec.bottom.words.length);
    this.ties = spec.ties ? this.tie(spec.ties) : [];
    this.above = this.slots(spec.top);
    this.below = this.slots(spec.bottom);
    this.scroller = h(
      "div.scroll",
      { tabindex: "0", role: "group", "aria-label": `${spec.top.title} / ${spec.bottom.title}` },
      h("div.lane-title", {}, spec.top.title),
      this.lane(this.above),
      spec.ties && s("svg.ties", { width: this.width * this.count, height: TALL, "aria-hidden": "true" }, this.ties),
      this.lane(this.below),
      h("div.lane-title", {}, spec.bottom.title),
    );
    this.element = h("div.lanes", {}, this.scroller);
  }

  slots({ words, mark = null }) {
    return words.map(([text, kind], t) => h(`span.slot${t === mark ? ".mark" : ""}`, {}, word(text, kind)));
  }

  lane(slots) {
    return h("div.lane", { css: { "grid-template-columns": `repeat(${this.count}, ${this.width}px)` } }, slots);
  }

  tie(kind) {
    const count = kind === "next" ? Math.min(this.spec.bottom.words.length, this.spec.top.words.length - 1) : this.spec.bottom.words.length;
    return Array.from({ length: Math.max(0, count) }, (_, t) => {
      const from = (t + 0.5) * this.width;
      const to = kind === "next" ? from + this.width : from;
      if (kind === "cut") return s("path.tie.cut", { d: `M ${from} ${TALL - 2} V ${TALL - 9} M ${from - 5} ${TALL - 10} H ${from + 5}` });
      const line = `M ${from} ${TALL} C ${from} ${TALL * 0.35} ${to} ${TALL * 0.65} ${to} 3`;
      return s("path.tie", { d: `${line} M ${to - 4} 8 L ${to} 2 L ${to + 4} 8` });
    });
  }

  show({ now, at = now, top = Infinity, bottom = Infinity, ties = Infinity }) {
    const set = (list, there) =>
      list.forEach((element, t) => {
        element.classList.toggle("wait", t >= there);
        element.classList.toggle("now", t === now);
      });
    set(this.above, top);
    set(this.below, bottom);
    set(this.ties, ties);
    // After layout: a row that is not in the page yet has no width to scroll in.
    requestAnimationFrame(() => {
      this.scroller.scrollLeft = Math.max(0, (Math.max(0, at) + 1) * this.width - this.scroller.clientWidth / 2);
    });
  }
}
