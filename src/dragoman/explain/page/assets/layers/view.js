/* Add & Norm and feed-forward of a layer: how long each word's vector is, what is added to it, and who adds most. */

import { h, swap, choice, word } from "../drawing/dom.js";
import { matrix } from "../drawing/heat.js";
import { place } from "../drawing/arithmetic.js";
import { told } from "../drawing/told.js";
import { NAMES, hasStream, sublayers, ratio, at, along } from "./numbers.js";
import { bars, depth, dots, order, nice } from "./picture.js";
import { most, grown, fired, howMany, short, whole, share } from "./said.js";

export function layers(context) {
  const { model, say } = context;
  const stacks = ["encoder", "decoder"].filter((stack) => hasStream(model.pass("inference"), stack));
  if (stacks.length === 0) return h("p.lead", {}, say("layers.none"));
  return new Layers(context, stacks).element;
}

class Layers {
  constructor(context, stacks) {
    this.context = context;
    this.stacks = stacks;
    this.pictures = []; // what has a mark that follows the slider
    this.boxes = Object.fromEntries(
      ["picker", "order", "norms", "said", "all", "depth", "feed"].map((name) => [name, h(`div.layers-${name}`)]),
    );
    const { picker, norms, said, all, depth: lines, feed } = this.boxes;
    const { say, watch } = context;
    this.element = h(
      "div.layers",
      {},
      h("p.lead", {}, say("layers.lead")),
      h("p.how-many", {}, howMany(context)),
      picker,
      said,
      h("h3", {}, say("layers.norms")),
      norms,
      h("h3", {}, say("layers.order")),
      this.boxes.order,
      h("h3", {}, say("layers.all")),
      h("p", {}, say("layers.all.what")),
      all,
      h("h3", {}, say("layers.depth")),
      lines,
      h("h3", {}, say("layers.feed.title")),
      feed,
    );
    this.ready = false;
    watch(["stack", "mode"], () => this.drawStack());
    watch(["stack", "encoder", "decoder", "sub", "mode"], () => this.drawLayer());
    watch(["t", "mode", "place"], () => this.follow());
    this.ready = true;
    this.follow();
  }

  // -- what is chosen ------------------------------------------------------------------------------------------

  get stack() {
    const { stack } = this.context.store;
    return this.stacks.includes(stack) ? stack : this.stacks[this.stacks.length - 1];
  }

  get pass() {
    return this.context.model.pass(this.context.store.mode);
  }

  get layer() {
    return Math.min(this.context.store[this.stack], this.pass[this.stack].length - 1);
  }

  get sub() {
    const last = NAMES[this.stack].length - 1;
    return Math.min(this.context.store.sub ?? last, last);
  }

  get residual() {
    return this.pass[this.stack][this.layer].residuals[this.sub];
  }

  get tokens() {
    const { model, store } = this.context;
    return this.stack === "encoder" ? model.source : model.fed(store.mode);
  }

  get labels() {
    return this.tokens.slice(0, this.residual.x.length).map((token) => token.piece);
  }

  /** The word that is looked at, or null before the decoder begins and beyond what a long sentence keeps. */
  get position() {
    const { t, place: chosen = 0 } = this.context.store;
    const count = this.residual.x.length;
    if (this.stack === "encoder") return Math.min(chosen, count - 1);
    return t >= 0 && t < count ? t : null;
  }

  /** How many positions have been computed at this step: training fills all at once, and the encoder always does. */
  get seen() {
    const { t, mode } = this.context.store;
    if (this.stack === "encoder") return Infinity;
    if (t < 0) return 0;
    return mode === "training" ? Infinity : t + 1;
  }

  pick(i) {
    this.context.store.set(this.stack === "encoder" ? { place: i } : { t: i, playing: false });
  }

  name(part) {
    return this.context.say(`layers.${part}`);
  }

  long(part) {
    return this.context.say(`layers.${part}.long`);
  }

  get wide() {
    return Math.min(760, this.context.width());
  }

  // -- drawing ---------------------------------------------------------------------------------------------------

  drawStack() {
    const { say, palette, store } = this.context;
    const parts = sublayers(this.pass, this.stack);
    this.parts = parts;
    const values = parts.map(({ residual }) => residual.x.map((_, i) => ratio(residual, i)));
    const labels = this.labels;
    const readout = h("p.readout", {}, say("layers.all.hint"));
    this.map = matrix(palette, {
      rows: parts.map(({ layer, name }) => `${layer + 1} ${this.name(name)}`),
      cols: labels,
      // What is written in a cell has one digit behind the point; less than that would become an exponent.
      value: (r, c) => (values[r][c] < 0.1 ? Math.round(values[r][c] * 10) / 10 : values[r][c]),
      kind: "signed",
      reach: Math.max(...values.flat()),
      width: this.wide,
      label: say("layers.all.label"),
      onPoint: (r, c) => {
        if (r === null) return;
        const { layer, name } = parts[r];
        const filled = { word: word(labels[c]), layer: layer + 1, name: this.long(name), ratio: short(values[r][c]) };
        swap(readout, told(say, "layers.all.said", filled));
      },
      onPick: (r, c) => {
        this.pick(c);
        store.set({ [this.stack]: parts[r].layer, sub: parts[r].sub });
      },
    });
    swap(this.boxes.all, h("div.scroll", {}, this.map.element), readout, this.limit());
    this.lines = depth({
      lines: labels.map((_, i) => along(parts, i)),
      names: [say("layers.in"), ...parts.map(({ layer, name }) => `${layer + 1} ${this.name(name)}`)],
      side: this.stack,
      width: this.wide,
      label: say("layers.depth"),
      format: whole,
    });
    this.grown = h("p");
    swap(this.boxes.depth, h("div.scroll", {}, this.lines.element), this.grown);
  }

  drawLayer() {
    this.drawPicker();
    this.drawOrder();
    this.drawNorms();
    this.drawFeed();
    this.follow();
  }

  drawPicker() {
    const { store, say } = this.context;
    const stacks = this.stacks.map((stack) => [stack, say(`layers.${stack}`)]);
    const count = this.pass[this.stack].map((_, i) => [i, String(i + 1)]);
    const subs = NAMES[this.stack].map((name, i) => [i, this.name(name)]);
    // A choice made with the keyboard must not lose the focus when its buttons are made anew.
    const held = document.activeElement?.dataset?.value;
    const group = document.activeElement?.parentElement?.getAttribute("aria-label");
    const inside = this.boxes.picker.contains(document.activeElement);
    swap(
      this.boxes.picker,
      h(
        "div.picker",
        {},
        choice(say("layers.stack"), stacks, this.stack, (stack) => store.set({ stack, sub: NAMES[stack].length - 1 })),
        h("span", {}, say("words.layer")),
        choice(say("words.layer"), count, this.layer, (layer) => store.set({ [this.stack]: layer })),
        choice(say("layers.sub"), subs, this.sub, (sub) => store.set({ sub })),
      ),
    );
    if (!inside) return;
    const again = [...this.boxes.picker.querySelectorAll("button")].find(
      (one) => one.dataset.value === held && one.parentElement.getAttribute("aria-label") === group,
    );
    again?.focus();
  }

  drawOrder() {
    const { say } = this.context;
    const kind = this.residual.order;
    const other = kind === "pre" ? "post" : "pre";
    const words = { norm: say("map.norm"), sublayer: this.name(NAMES[this.stack][this.sub]) };
    this.drawing = order(kind, words, this.stack, say(`layers.order.${kind}.label`));
    const unused = order(other, words, "", say(`layers.order.${other}.label`));
    const figure = (picture, text, used) => h(`figure${used ? ".used" : ""}`, {}, picture.element, h("figcaption", {}, text));
    swap(
      this.boxes.order,
      h("p", {}, say(`layers.order.${kind}`)),
      h(
        "div.orders",
        {},
        figure(this.drawing, say(`layers.order.${kind}.label`), true),
        figure(unused, say("layers.order.other", { name: say(`layers.order.${other}.label`) }), false),
      ),
      place(this.context, this.residual.code),
    );
  }

  drawNorms() {
    const { say } = this.context;
    const { x, sublayer, sum, normed } = this.residual;
    const series = [
      { name: say("layers.x"), values: x, look: "open" },
      { name: say("layers.added"), values: sublayer, look: "full" },
      { name: say("layers.sum"), values: sum, look: "ink" },
      normed && { name: say("layers.normed"), values: normed, look: "norm" },
    ].filter(Boolean);
    this.norms = this.bars(series, say("layers.norms"), whole);
    swap(this.boxes.norms, this.legend(series), h("div.scroll", {}, this.norms.element), this.limit());
  }

  drawFeed() {
    const { say, model } = this.context;
    const feed = this.pass[this.stack][this.layer].feed_forward;
    const all = this.pass[this.stack].map((layer, n) => ({ name: `${say("words.layer")} ${n + 1}`, values: layer.feed_forward.active }));
    const top = Math.min(1, nice(Math.max(...all.flatMap(({ values }) => values))));
    const soft = model.config.activation && model.config.activation !== "relu";
    const norms = [
      { name: say("layers.norm_in"), values: feed.norm_in, look: "open" },
      { name: say("layers.norm_out"), values: feed.norm_out, look: "full" },
    ];
    this.active = this.bars([{ name: say("layers.active"), values: feed.active, look: "full" }], say("layers.active"), share, top);
    this.ends = this.bars(norms, say("layers.feed.norms"), whole);
    this.all = dots({ rows: all, most: top, side: this.stack, width: this.wide, label: say("layers.feed.all"), format: share });
    this.feedSaid = h("p");
    swap(
      this.boxes.feed,
      h("p", {}, say("layers.feed.what"), " ", say(soft ? "layers.feed.soft" : "layers.feed.relu")),
      this.feedSaid,
      h("h4", {}, say("layers.feed.active", { n: this.layer + 1 })),
      h("div.scroll", {}, this.active.element),
      h("h4", {}, say("layers.feed.norms")),
      this.legend(norms),
      h("div.scroll", {}, this.ends.element),
      h("h4", {}, say("layers.feed.all")),
      h("div.scroll", {}, this.all.element),
      h("p.fine", {}, say("layers.feed.all.what")),
      place(this.context, feed.code),
    );
  }

  bars(series, label, format, most) {
    const { labels, wide, stack } = this;
    return bars({ labels, series, side: stack, width: wide, label, format, most, onPick: (i) => this.pick(i) });
  }

  legend(series) {
    return h(
      `div.marks.${this.stack}`,
      {},
      series.map(({ name, look }) => h("span", {}, h(`i.${look}`, { "aria-hidden": "true" }), name)),
    );
  }

  limit() {
    const [n, all] = [this.residual.x.length, this.tokens.length];
    return n < all && h("p.limit", {}, this.context.say("page.limit", { n, all }));
  }

  // -- following the slider --------------------------------------------------------------------------------------

  follow() {
    if (!this.ready) return;
    const { position: i, seen } = this;
    for (const picture of [this.norms, this.active, this.ends]) picture.mark(i, seen);
    this.lines.mark(i);
    this.all.mark(i);
    this.map.mark({ row: this.layer * NAMES[this.stack].length + this.sub, col: i });
    const { x, sublayer, sum, normed } = this.residual;
    this.drawing.tell({
      x: whole(at(x, i)),
      sublayer: whole(at(sublayer, i)),
      sum: `= ${whole(at(sum, i))}`,
      normed: normed ? whole(at(normed, i)) : "",
    });
    swap(this.boxes.said, most(this, i));
    swap(this.grown, grown(this, i));
    swap(this.feedSaid, fired(this, i));
  }
}
