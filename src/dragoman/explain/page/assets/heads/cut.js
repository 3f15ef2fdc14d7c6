/* One word's vector, cut into heads and merged again: strips that are drawn anew at each step, and never made anew. */

import { h, swap, visible, percent } from "../drawing/dom.js";
import { row, reach } from "../trace/tensor.js";
import { panel } from "../drawing/panel.js";
import { asked, asking, shape } from "../qkv/scene.js";

const HIGH = 22;
const BRIGHT = 0.8; // one loud number would leave the rest pale: the scale ends below it

/** `part` is q, k or v. Gives { element, step(r, key) }: key is the word whose k or v is cut. */
export function cutting(context, scene, part) {
  return new Cutting(context, scene, part);
}

/** The key that a row looks at most. */
export function favourite(attention, head, r) {
  const weights = row(attention.weights, head, r);
  return weights.indexOf(Math.max(...weights));
}

class Cutting {
  constructor(context, scene, part) {
    Object.assign(this, { context, scene, part });
    const { say, model } = context;
    [this.count, , this.width] = scene.attention.q.shape;
    const { count, width } = this;
    const from = scene.attention[`${part}_from`];
    const W = `W_${part.toUpperCase()}`;
    const values = { part, D: count * width, H: count, K: width, from, W, shape: shape(1, count * width) };
    this.name = h("span");
    this.wide = new Strip(context, count * width, part);
    this.merged = new Strip(context, count * width, say("qkv.output"));
    // Only the memory is stored as it goes into the projection; what enters other attentions is not in a trace.
    this.memory = from === "memory" ? new Strip(context, count * width, "memory") : null;
    this.pieces = this.each(() => new Strip(context, width, ""));
    this.outputs = this.each(() => new Strip(context, width, ""));
    this.looks = this.each(() => [h("span"), h("span")]);
    const turned = model.config.positions === "rotary" && part !== "v";
    const wide = h("p.step", {}, this.memory ? null : this.name, say("heads.wide", values));
    this.element = h(
      "div.splitting",
      { css: { "--heads": String(count) } },
      this.memory && [h("p.step", {}, this.name, say("heads.memory", values)), this.memory.element, down(`× ${W}`)],
      wide,
      this.wide.element,
      down(say("heads.cut", values)),
      this.row(this.pieces, (head) => [h("span", {}, `${say("words.head")} ${head + 1}`), h("span", {}, shape(width))]),
      turned && h("p.fine", {}, say("heads.rotary")),
      down(say("heads.each", values)),
      this.row(this.outputs, (head) => this.looks[head]),
      down(say("heads.merge", values)),
      this.merged.element,
      h("p.step", {}, say("heads.after", values)),
    );
  }

  each(make) {
    return Array.from({ length: this.count }, (_, head) => make(head));
  }

  /** One piece under each other, so that the cut is seen; the chosen head is framed, and a click chooses. */
  row(strips, text) {
    const { store, say } = this.context;
    const columns = strips.map((strip, head) => {
      const options = { type: "button", "aria-pressed": String(head === this.scene.head), "aria-label": `${say("words.head")} ${head + 1}` };
      return h("button.head-piece", { ...options, on: { click: () => store.set({ head }) } }, strip.element, text(head));
    });
    return h("div.pieces", {}, columns);
  }

  step(r, key) {
    const { context, scene, part } = this;
    const { attention } = scene;
    const at = part === "q" ? r : key;
    swap(this.name, part === "q" ? asking(scene, r) : asked(scene, at), " ");
    const pieces = this.each((head) => row(attention[part], head, at));
    const outputs = this.each((head) => row(attention.output, head, r));
    if (this.memory) this.memory.show([context.model.memoryRow(context.store.mode, at)]);
    this.show(this.wide, this.pieces, pieces);
    this.show(this.merged, this.outputs, outputs);
    this.looks.forEach(([name, share], head) => {
      const c = favourite(attention, head, r);
      swap(name, h("bdi", {}, visible(scene.answers[c])));
      swap(share, percent(row(attention.weights, head, r)[c]));
    });
  }

  show(whole, strips, lists) {
    const most = whole.show(lists);
    strips.forEach((strip, head) => strip.show([lists[head]], most));
  }
}

/** A row of numbers that can be given others. */
class Strip {
  constructor(context, cols, label) {
    this.numbers = new Float32Array(cols);
    this.spec = { rows: 1, cols, value: (_, i) => this.numbers[i], kind: "signed", reach: 1, high: HIGH, label };
    this.panel = panel(context.palette, this.spec);
    this.element = this.panel.element;
  }

  /** Lists one behind the other; gives the reach that their colours have. */
  show(lists, most = BRIGHT * reach(...lists)) {
    let place = 0;
    for (const list of lists) {
      this.numbers.set(list, place);
      place += list.length;
    }
    this.spec.reach = most;
    this.panel.redraw();
    return most;
  }
}

function down(text) {
  return h("p.step.down", {}, "↓ ", text);
}
