/* Figure 1 of the paper, each box filled with this sentence's own tensors; a click opens the view of the box. */

import { h, s, swap, select, visible } from "../drawing/dom.js";
import { cut } from "../drawing/written.js";
import { headMean, norm, read, row, shrunk, reach } from "../trace/tensor.js";
import { addsPositions, boxesOf, heightOf, isPre, sublayer } from "./plan.js";

const WIDE = 400;
const BOX = 164; // width of a box
const NAME = 92; // of it, for what the box is called
const LEFT = { encoder: 14, decoder: 222 };
const MOST = 22; // positions drawn; longer sentences are thinned out evenly
const MARGIN = 8; // px between a box and the frame of its layer, where the residual arrow goes by
const BELOW = 128; // px below a layer: words, embedding, positions
const ABOVE = { memory: 80, output: 160 }; // px above it
const FINAL = 38; // px for the norm that ends a stack of pre-norm layers, and the name of the layer below it
const FORK = { K: 34, V: 62, Q: 112 }; // px from the left edge of an attention

export function map(context) {
  const { store, say, model } = context;
  if (model.layers("cross") === 0 || model.layers("encoder_self") === 0) return h("p.hint", {}, say("map.none"));
  const holder = h("div.map");
  const tools = h("div.map-tools");
  let drawn = null;
  context.watch(["encoder", "decoder", "mode"], () => {
    const layers = (kind) => Array.from({ length: model.layers(kind) }, (_, i) => [i, String(i + 1)]);
    swap(
      tools,
      select(say("map.encoder"), layers("encoder_self"), store.encoder, (i) => store.set({ encoder: Number(i) })),
      select(say("map.decoder"), layers("cross"), store.decoder, (i) => store.set({ decoder: Number(i) })),
    );
    drawn = new Figure(context);
    swap(holder, tools, drawn.element);
    drawn.light(store.mode, store.t);
  });
  context.watch(["t", "mode"], () => drawn.light(store.mode, store.t));
  context.watch(["view", "kind"], () => drawn.here(store.view, store.kind));
  return holder;
}

class Figure {
  constructor(context) {
    this.context = context;
    this.positions = []; // [node, position, side]
    this.boxes = [];
    const { store, say, model } = context;
    const pass = (this.pass = model.pass(store.mode));
    const layers = { encoder: pass.encoder[store.encoder], decoder: pass.decoder[store.decoder] };
    const plans = { encoder: boxesOf("encoder", layers.encoder), decoder: boxesOf("decoder", layers.decoder) };
    this.last = isPre(layers.decoder) ? FINAL : 0;
    const needs = [["encoder", ABOVE.memory], ["decoder", ABOVE.output]].map(([side, above]) => heightOf(plans[side]) + above);
    this.high = BELOW + this.last + Math.max(...needs) + 14;
    this.element = s("svg", { viewBox: `0 0 ${WIDE} ${this.high}`, role: "group", "aria-label": say("map.title") });
    this.frames = s("g.frames");
    this.arrows = s("g.arrows"); // after the frames: what is drawn later lies above
    this.element.append(this.frames, this.arrows);
    this.input("encoder", pass.embedding.source);
    this.input("decoder", pass.embedding.target);
    const encoderTop = this.stack("encoder", plans.encoder, layers.encoder);
    const decoderTop = this.stack("decoder", plans.decoder, layers.decoder);
    this.memory(this.final("encoder", encoderTop, pass.memory));
    this.head(this.final("decoder", decoderTop, pass.hidden));
  }

  say(key, values) {
    return this.context.say(key, values);
  }

  input(side, embedding) {
    const { trace, model, store } = this.context;
    const x = LEFT[side];
    const text = side === "encoder" ? trace.source.text : model.fed(store.mode).map((token) => token.piece).join(" ");
    this.element.append(
      s("text.io", { x: x + BOX / 2, y: this.high - 6, "text-anchor": "middle" }, s("title", {}, text), cut(text, BOX, 6.6, 12)),
      s("text.small", { x: x + BOX / 2, y: this.high - 22, "text-anchor": "middle" }, this.say(`map.input.${side}`)),
    );
    this.arrow(x + BOX / 2, this.high - 34, this.high - 42, side);
    const box = this.box(side, { name: "embedding" }, this.high - 84, 42, "text");
    this.strips(box, shrunk(embedding.sum, MOST, 6), side, this.high - 84, 42);
    if (!addsPositions(embedding)) return this.arrow(x + BOX / 2, this.high - 84, this.high - BELOW, side);
    this.arrow(x + BOX / 2, this.high - 84, this.high - 92, side);
    const plus = s(
      "g.box.round",
      this.role("positions"),
      s("title", {}, this.say("map.positions")),
      s("circle", { cx: x + BOX / 2, cy: this.high - 102, r: 9 }),
      s("text", { x: x + BOX / 2, y: this.high - 97, "text-anchor": "middle" }, "+"),
      s("text.small", { x: x + BOX / 2 + 15, y: this.high - 98 }, this.say("map.positions")),
    );
    this.boxes.push([plus, "positions", null]);
    this.element.append(plus);
    return this.arrow(x + BOX / 2, this.high - 111, this.high - BELOW, side);
  }

  stack(side, plan, layer) {
    const [x, middle] = [LEFT[side], LEFT[side] + BOX / 2];
    let y = this.high - BELOW;
    const bottom = y + 6;
    const frame = s("rect.frame", { x: x - MARGIN, width: BOX + 2 * MARGIN, rx: 10 });
    this.frames.append(frame);
    let leaves = y; // where the stream last parted into the sublayer's way and the one around it
    for (const one of plan) {
      const { part, high, gap } = one;
      if (part === "norm" || (part !== "add" && part !== "both" && !isPre(layer))) leaves = y - 5;
      this.forks(side, part, y, gap);
      y -= gap + high;
      const box = this.box(side, one, y, high, part === "cross" ? "qkv" : part === "self" ? "attention" : "layers");
      this.fillBox(box, side, one, y, layer);
      if (part === "add" || part === "both") this.around(side, leaves, y + high / 2);
    }
    this.join(middle, y, y - 8, side);
    y -= 8;
    frame.setAttribute("y", y);
    frame.setAttribute("height", bottom - y);
    const { store, model } = this.context;
    const count = model.layers(side === "encoder" ? "encoder_self" : "cross");
    this.element.append(
      s("text.times", { x: side === "encoder" ? x + 2 : x + BOX - 2, y: y - 5, "text-anchor": side === "encoder" ? "start" : "end" },
        this.say("map.layer", { n: store[side] + 1, all: count })),
    );
    return y;
  }

  /** What enters a box from below: one line, or the three of an attention, each with its letter. */
  forks(side, part, bottom, gap) {
    const [x, middle, top] = [LEFT[side], LEFT[side] + BOX / 2, bottom - gap];
    if (part !== "self" && part !== "cross") return this.join(middle, bottom, top, side);
    const turn = top + 13;
    if (part === "cross") this.crossing = turn;
    // K and V of a cross-attention come from the memory, and are drawn with it.
    const own = part === "self" ? ["K", "V", "Q"] : ["Q"];
    const ends = own.map((name) => x + FORK[name]);
    this.join(middle, bottom, turn, side);
    this.arrows.append(s(`path.flow.${side}`, { d: `M ${Math.min(middle, ...ends)} ${turn} H ${Math.max(middle, ...ends)}` }));
    for (const name of own) this.fork(side, side, name, turn);
    return undefined;
  }

  /** side: whose box it is; origin: whose colour, since the stream comes from there. */
  fork(side, origin, name, turn) {
    const x = LEFT[side] + FORK[name];
    this.arrows.append(s(`path.flow.${origin}`, { d: `M ${x} ${turn} V ${turn - 13}`, "data-fork": name }));
    this.arrows.append(s(`text.origin.${origin}`, { x: x + 4, y: turn - 3 }, name));
  }

  /** The residual arrow: the stream goes by the sublayer, along the outer edge, and is added to its answer. */
  around(side, from, to) {
    const [x, middle] = [LEFT[side], LEFT[side] + BOX / 2];
    const [edge, lane] = side === "encoder" ? [x, x - MARGIN / 2] : [x + BOX, x + BOX + MARGIN / 2];
    this.arrows.append(s(`path.residual.${side}`, { d: `M ${middle} ${from} H ${lane} V ${to} H ${edge}` }, s("title", {}, this.say("map.residual"))));
  }

  join(x, from, to, side) {
    if (from !== to) this.arrows.append(s(`path.flow.${side}`, { d: `M ${x} ${from} V ${to}` }));
  }

  /** With pre-norm, the stream is normed once more above the last layer; gives the top of what was drawn. */
  final(side, top, out) {
    if (!this.last) return top;
    const [middle, high] = [LEFT[side] + BOX / 2, 18];
    const y = top - FINAL + 1;
    this.arrow(middle, top, y + high, side);
    const box = this.box(side, { name: "last", part: "norm" }, y, high, "layers");
    const [length] = read(out).shape;
    this.bars(box, Array.from({ length }, (_, i) => norm(row(out, i))), side, y, high);
    return y;
  }

  fillBox(box, side, { name, part, sub, high }, y, layer) {
    if (part === "self" || part === "cross") {
      return this.grid(box, headMean(layer[name].weights), part === "self" && side === "encoder" ? "encoder" : "decoder", y, high);
    }
    const lengths = layer.residuals[sub];
    return this.bars(box, part === "feed" ? layer.feed_forward.active : part === "add" ? lengths.sum : lengths.normed, side, y, high);
  }

  memory(top) {
    const y = top - 62;
    const x = LEFT.encoder;
    const box = this.box("encoder", { name: "memory" }, y, 40, "qkv");
    this.strips(box, shrunk(this.pass.memory, MOST, 6), "encoder", y, 40);
    this.arrow(x + BOX / 2, top, y + 40, "encoder");
    // K and V leave the memory, turn between the columns and enter the upper attention from below.
    const turn = LEFT.decoder - 22;
    this.arrows.append(s("path.flow.encoder", { d: `M ${x + BOX} ${y + 20} H ${turn} V ${this.crossing} H ${LEFT.decoder + FORK.V}` }));
    for (const name of ["K", "V"]) this.fork("decoder", "encoder", name, this.crossing);
  }

  head(top) {
    const x = LEFT.decoder;
    const linear = top - 52;
    const box = this.box("decoder", { name: "linear" }, linear, 34, "loss");
    this.strips(box, shrunk(this.pass.hidden, MOST, 5), "decoder", linear, 34);
    this.arrow(x + BOX / 2, top, linear + 34, "decoder");
    const y = linear - 86;
    this.arrow(x + BOX / 2, linear, y + 76, "decoder");
    this.softmax = this.box("decoder", { name: "softmax" }, y, 76, "loss");
    this.tops = s("g.tops");
    this.softmax.append(this.tops);
    this.softmaxY = y;
  }

  role(view, change = {}) {
    const open = () => this.context.open(view, change);
    const key = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    };
    return { role: "button", tabindex: 0, on: { click: open, keydown: key } };
  }

  box(side, { name, part = name, sub }, y, height, view) {
    const change = { self: { kind: side === "encoder" ? "encoder_self" : "decoder_self" }, cross: { kind: "cross" } }[name];
    const { store } = this.context;
    const at = view === "layers" && { stack: side, ...(sub !== undefined && { sub }) };
    const said = this.say(`map.${part === "self" ? `self.${side}` : part}`);
    const lines = said.split("|");
    // Where nothing is added to the words, order enters here.
    const { config } = this.context.model;
    const told = part === "self" && config.positions && this.context.trace.removed !== "positions" && !addsPositions(this.pass.embedding.source);
    const x = LEFT[side];
    const middle = y + height / 2 - (lines.length - 1 + (told ? 1 : 0)) * 6.5;
    const named = sub !== undefined && name !== sublayer(side, sub) ? `${lines.join(" ")}: ${this.say(`layers.${sublayer(side, sub)}.long`)}` : lines.join(" ");
    const box = s(
      `g.box.${side}`,
      { ...this.role(view, { ...change, ...(change && { layer: store[side] }), ...at }), "aria-label": named, "data-box": `${side}.${name}` },
      s("rect", { x, y, width: BOX, height, rx: 6 }),
      lines.map((line, i) => s("text", { x: x + 8, y: middle + 4 + i * 13 }, line)),
      told && s("text.small", { x: x + 8, y: middle + 4 + lines.length * 13 }, this.say("map.inside", { name: config.positions })),
    );
    this.boxes.push([box, view, change?.kind ?? null]);
    this.element.append(box);
    return box;
  }

  /** Position groups of a picture at the right end of a box. */
  columns(box, count, side, total) {
    return Array.from({ length: count }, (_, i) => {
      const group = s("g");
      box.append(group);
      this.positions.push([group, Math.floor((i * total) / count), side]);
      return group;
    });
  }

  strips(box, lines, side, y, height) {
    const [x0, room] = [LEFT[side] + NAME, BOX - NAME - 6];
    const most = reach(...lines);
    const total = side === "encoder" ? this.context.model.source.length : this.context.model.length(this.context.store.mode);
    const step = Math.min(9, room / lines.length);
    const cell = (height - 10) / lines[0].length;
    const start = x0 + room - step * lines.length;
    this.columns(box, lines.length, side, total).forEach((group, i) => {
      lines[i].forEach((value, g) =>
        group.append(
          s("rect.cell", { x: start + i * step, y: y + 5 + g * cell, width: step - 0.6, height: cell - 0.4,
            fill: this.context.palette.signedCss(value, most) }),
        ),
      );
    });
  }

  bars(box, values, side, y, height) {
    const [x0, room] = [LEFT[side] + NAME, BOX - NAME - 6];
    const count = Math.min(MOST, values.length);
    const picked = Array.from({ length: count }, (_, i) => values[Math.floor((i * values.length) / count)]);
    const most = Math.max(...picked, 1e-9);
    const step = Math.min(9, room / count);
    const start = x0 + room - step * count;
    this.columns(box, count, side, values.length).forEach((group, i) => {
      const tall = Math.max(1, (picked[i] / most) * (height - 8));
      group.append(s("rect.cell.bar", { x: start + i * step, y: y + height - 4 - tall, width: step - 1, height: tall }));
    });
  }

  grid(box, rows, side, y, height) {
    const thin = (list) => {
      const count = Math.min(MOST, list.length);
      return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]);
    };
    const picked = thin(rows).map((row) => thin(Array.from(row)));
    const cell = Math.min(10, (height - 8) / picked.length, (BOX - NAME - 6) / picked[0].length);
    const start = LEFT[side] + BOX - 6 - cell * picked[0].length;
    const top = y + (height - cell * picked.length) / 2;
    this.columns(box, picked.length, side, rows.length).forEach((group, r) => {
      picked[r].forEach((value, c) =>
        group.append(
          s("rect.cell", { x: start + c * cell, y: top + r * cell, width: cell - 0.5, height: cell - 0.5,
            fill: this.context.palette.weightCss(value) }),
        ),
      );
    });
  }

  arrow(x, from, to, side) {
    this.arrows.append(s(`path.flow.${side}`, { d: `M ${x} ${from} V ${to}` }));
  }

  /** Shows what is computed at this step: everything at once in training, one position in inference. */
  light(mode, t) {
    for (const [node, position, side] of this.positions) {
      let seen = 1;
      if (side === "decoder" && t < 0) seen = 0.08;
      else if (side === "decoder" && mode === "inference") seen = position < t ? 0.45 : position === t ? 1 : 0.08;
      node.setAttribute("opacity", seen);
    }
    this.element.classList.toggle("reading", t < 0);
    this.answers(mode, Math.max(0, t));
  }

  answers(mode, t) {
    const { model, palette } = this.context;
    const top = model.step(mode, t).top.slice(0, 5);
    const x = LEFT.decoder + 84;
    const rows = top.map(({ piece, p }, i) => {
      const y = this.softmaxY + 8 + i * 13;
      const wide = Math.max(1, p * 34);
      return [
        s("rect.cell", { x: x + 42, y, width: wide, height: 9, fill: palette.weightCss(0.2 + 0.6 * p) }),
        s("text.answer", { x: x + 38, y: y + 8, "text-anchor": "end" }, Array.from(visible(piece)).slice(0, 6).join("")),
      ];
    });
    swap(this.tops, rows);
  }

  here(view, kind) {
    for (const [node, to, only] of this.boxes)
      node.classList.toggle("here", to === view && (only === null || view === "qkv" || only === kind));
  }
}
