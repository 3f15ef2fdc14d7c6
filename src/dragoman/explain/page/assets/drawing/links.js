/* Words of both sides, tied by lines as thick as the weight; pointing at a word keeps only its lines. Knows no layer. */

import { h, s, swap, visible, percent } from "./dom.js";

const MOST = 48; // words a side: beyond that the picture says how many it leaves out
const ROOMY = 11; // words a side: with more, they stand closer together
const GAP = 92; // px between the two rows of words

/**
 * spec: above, below (words); weight(below, above); current (index below | null); onPick(below)?; say.
 * Lines are measured after the words have been laid out, so call `draw` once the element is in the page.
 */
export function links(spec) {
  const made = new Links(spec);
  return made;
}

class Links {
  constructor(spec) {
    this.spec = { ...spec, current: this.known(spec.current, spec) };
    this.above = spec.above.slice(0, MOST);
    this.below = spec.below.slice(0, MOST);
    this.pointed = null;
    this.lines = s("svg.lines", { "aria-hidden": "true" });
    this.readout = h("p.readout", { "aria-live": "polite" });
    this.top = h("div.words.source", {}, this.above.map((text, i) => this.token(text, "above", i)));
    this.bottom = h("div.words.target", {}, this.below.map((text, i) => this.token(text, "below", i)));
    this.stage = h("div.stage", {}, this.top, this.lines, this.bottom);
    const left = spec.above.length + spec.below.length - this.above.length - this.below.length;
    this.element = h(
      Math.max(spec.above.length, spec.below.length) > ROOMY ? "div.links.close" : "div.links",
      {},
      h("div.scroll", {}, this.stage),
      this.readout,
      left > 0 && h("p.limit", {}, spec.say("page.limit", { n: this.above.length, all: spec.above.length })),
    );
  }

  token(text, side, i) {
    const point = (on) => () => this.point(on ? [side, i] : null);
    const pick = () => (side === "below" ? this.spec.onPick?.(i) : this.point([side, i]));
    return h(
      "button.token",
      {
        type: "button",
        "data-side": side,
        "data-index": i,
        on: { pointerenter: point(true), pointerleave: point(false), focus: point(true), blur: point(false), click: pick },
      },
      h("bdi", {}, visible(text)),
    );
  }

  set current(i) {
    this.spec.current = this.known(i, this.spec);
    this.draw();
  }

  /** A word that was left out of the picture cannot be the one that it shows. */
  known(i, { below }) {
    return i !== null && i >= 0 && i < Math.min(below.length, MOST) ? i : null;
  }

  point(at) {
    this.pointed = at;
    this.draw();
  }

  draw() {
    const box = this.stage.getBoundingClientRect();
    if (box.width === 0) return;
    const places = (row) =>
      Array.from(row.children, (token) => {
        const at = token.getBoundingClientRect();
        return at.left + at.width / 2 - box.left;
      });
    const [xs, ys] = [places(this.top), places(this.bottom)];
    this.lines.setAttribute("width", this.stage.scrollWidth);
    this.lines.setAttribute("height", GAP);
    swap(this.lines, this.paths(xs, ys));
    this.colour();
  }

  shown(b, a) {
    const [side, i] = this.pointed ?? (this.spec.current === null ? [null] : ["below", this.spec.current]);
    if (side === null) return 0.85;
    return (side === "below" ? b === i : a === i) ? 1 : 0.08;
  }

  paths(xs, ys) {
    const made = [];
    this.below.forEach((_, b) =>
      this.above.forEach((__, a) => {
        const weight = this.spec.weight(b, a);
        if (weight < 0.04) return;
        const d = `M ${xs[a]} 0 C ${xs[a]} ${GAP * 0.5}, ${ys[b]} ${GAP * 0.5}, ${ys[b]} ${GAP}`;
        made.push(
          s("path", { d, "stroke-width": (0.5 + weight * 7).toFixed(2), opacity: (this.shown(b, a) * (0.25 + 0.75 * weight)).toFixed(3) }),
        );
      }),
    );
    return made;
  }

  colour() {
    const [side, i] = this.pointed ?? (this.spec.current === null ? [null, null] : ["below", this.spec.current]);
    const tint = (row, mine, weight) =>
      Array.from(row.children).forEach((token, j) => {
        const share = side === null ? 0 : side === mine ? Number(j === i) : weight(j);
        token.style.setProperty("--share", share.toFixed(3));
        token.classList.toggle("chosen", side === mine && j === i);
      });
    tint(this.top, "above", (a) => this.spec.weight(i, a));
    tint(this.bottom, "below", (b) => this.spec.weight(b, i));
    swap(this.readout, side === null ? " " : this.sentence(side, i));
  }

  sentence(side, i) {
    const others = side === "below" ? this.above : this.below;
    const weight = (j) => (side === "below" ? this.spec.weight(i, j) : this.spec.weight(j, i));
    const best = others.map((text, j) => [weight(j), text]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    const mine = (side === "below" ? this.below : this.above)[i];
    const arrow = side === "below" ? " ← " : " → ";
    return [h("bdi", {}, visible(mine)), arrow, best.map(([w, text]) => [h("bdi", {}, visible(text)), ` ${percent(w)}  `])];
  }
}
