/* Figure 1 of the paper, each box filled with this sentence's own tensors; a click opens the view of the box. */

import { h, s, swap, select, visible } from "../drawing/dom.js";
import { headMean, shrunk, reach } from "../trace/tensor.js";

const WIDE = 400;
const BOX = 164; // width of a box
const LEFT = { encoder: 14, decoder: 222 };
const MOST = 22; // positions drawn; longer sentences are thinned out evenly

// From the bottom up, as in the paper: [name, height, view].
const ENCODER = [
  ["self", 58, "attention"],
  ["norm0", 24, "layers"],
  ["feed", 44, "layers"],
  ["norm1", 24, "layers"],
];
const DECODER = [
  ["self", 58, "attention"],
  ["norm0", 24, "layers"],
  ["cross", 58, "qkv"],
  ["norm1", 24, "layers"],
  ["feed", 44, "layers"],
  ["norm2", 24, "layers"],
];

// The sublayers of a stack in order, and the one that each Add & Norm stands around.
const SUBLAYERS = { encoder: ["self", "feed"], decoder: ["self", "cross", "feed"] };
const PARTS = {
  encoder: { norm0: "self", norm1: "feed" },
  decoder: { norm0: "self", norm1: "cross", norm2: "feed" },
};

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
    this.high = 690;
    this.element = s("svg", { viewBox: `0 0 ${WIDE} ${this.high}`, role: "group", "aria-label": context.say("map.title") });
    const pass = context.model.pass(context.store.mode);
    this.pass = pass;
    this.arrows = s("g.arrows");
    this.element.append(this.arrows);
    this.input("encoder", pass.embedding.source.sum);
    this.input("decoder", pass.embedding.target.sum);
    const encoderTop = this.stack("encoder", ENCODER, pass.encoder[context.store.encoder]);
    const decoderTop = this.stack("decoder", DECODER, pass.decoder[context.store.decoder]);
    this.memory(encoderTop);
    this.head(decoderTop);
  }

  say(key, values) {
    return this.context.say(key, values);
  }

  input(side, sum) {
    const { trace, model, store } = this.context;
    const x = LEFT[side];
    const text = side === "encoder" ? trace.source.text : model.fed(store.mode).map((token) => token.piece).join(" ");
    const letters = Array.from(visible(text));
    const shown = letters.length > 22 ? `${letters.slice(0, 21).join("")}…` : letters.join("");
    this.element.append(
      s("text.io", { x: x + BOX / 2, y: this.high - 6, "text-anchor": "middle" }, shown),
      s("text.small", { x: x + BOX / 2, y: this.high - 22, "text-anchor": "middle" }, this.say(`map.input.${side}`)),
    );
    this.arrow(x + BOX / 2, this.high - 34, this.high - 42, side);
    const box = this.box(side, "embedding", this.high - 84, 42, side === "encoder" ? "text" : "text");
    this.strips(box, shrunk(sum, MOST, 6), side, this.high - 84, 42);
    this.arrow(x + BOX / 2, this.high - 84, this.high - 92, side);
    const places = this.context.model.addsPositions ? this.plus(x + BOX / 2) : this.inside(x + BOX / 2, side);
    this.boxes.push([places, "positions", null]);
    this.element.append(places);
    this.arrow(x + BOX / 2, this.high - 111, this.high - 120, side);
  }

  /** Positions that are added to the words, as in the paper's figure. */
  plus(x) {
    return s(
      "g.box.round",
      this.role("positions"),
      s("title", {}, this.say("map.positions")),
      s("circle", { cx: x, cy: this.high - 102, r: 9 }),
      s("text", { x, y: this.high - 97, "text-anchor": "middle" }, "+"),
      s("text.small", { x: x + 15, y: this.high - 98 }, this.say("map.positions")),
    );
  }

  /** Positions that are not: the words go straight up, and a note says where order comes in. */
  inside(x, side) {
    this.arrow(x, this.high - 92, this.high - 111, side);
    return s(
      "g.box.note",
      this.role("positions"),
      s("title", {}, this.say("map.positions.inside.what")),
      s("rect", { x: x + 4, y: this.high - 117, width: BOX / 2 + 4, height: 29, rx: 6 }),
      this.say("map.positions.inside").split("|").map((line, i) => s("text.small", { x: x + 8, y: this.high - 105 + i * 12 }, line)),
    );
  }

  stack(side, plan, layer) {
    const x = LEFT[side];
    let y = this.high - 128;
    const bottom = y + 6;
    const frame = s("rect.frame", { x: x - 8, width: BOX + 16, rx: 10 });
    this.element.append(frame);
    for (const [name, height, view] of plan) {
      y -= height;
      const box = this.box(side, name, y, height, view);
      this.fillBox(box, side, name, y, height, layer);
      if (name === "cross") this.crossing = y + height;
      const isNorm = name.startsWith("norm");
      if (!isNorm) this.element.append(s("line.join", { x1: x + BOX / 2, y1: y, x2: x + BOX / 2, y2: y - 4 }));
      y -= isNorm ? 9 : 4;
    }
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

  fillBox(box, side, name, y, height, layer) {
    if (name === "self" || name === "cross") {
      const rows = headMean(layer[name].weights);
      this.grid(box, rows, name === "self" && side === "encoder" ? "encoder" : "decoder", y, height);
      return;
    }
    const values = name === "feed" ? layer.feed_forward.active : layer.residuals[Number(name.slice(4))].sum;
    this.bars(box, values, side, y, height);
  }

  memory(top) {
    const y = top - 56;
    const x = LEFT.encoder;
    const box = this.box("encoder", "memory", y, 40, "qkv");
    this.strips(box, shrunk(this.pass.memory, MOST, 6), "encoder", y, 40);
    this.arrow(x + BOX / 2, top, y + 40, "encoder");
    const to = this.crossing;
    // K and V leave the memory, turn between the columns and enter the upper attention from below.
    const turn = LEFT.decoder - 22;
    const line = `M ${x + BOX} ${y + 20} H ${turn} V ${to + 13} H ${LEFT.decoder + 44}`;
    this.arrows.append(s("path.flow.encoder", { d: line }));
    for (const [at, name] of [[30, "K"], [58, "V"]]) {
      this.arrows.append(s("path.flow.encoder", { d: `M ${LEFT.decoder + at} ${to + 13} V ${to + 2}`, "marker-end": "" }));
      this.arrows.append(s("text.origin.encoder", { x: LEFT.decoder + at + 4, y: to + 11 }, name));
    }
    this.arrows.append(s("path.flow.encoder", { d: `M ${LEFT.decoder + 44} ${to + 13} H ${LEFT.decoder + 58}` }));
    this.arrows.append(s("text.origin.decoder", { x: LEFT.decoder + BOX / 2 + 24, y: to + 11 }, "Q"));
    this.arrows.append(s("path.flow.decoder", { d: `M ${LEFT.decoder + BOX / 2 + 18} ${to + 11} V ${to + 2}` }));
  }

  head(top) {
    const x = LEFT.decoder;
    const linear = top - 52;
    const box = this.box("decoder", "linear", linear, 34, "loss");
    this.strips(box, shrunk(this.pass.hidden, MOST, 5), "decoder", linear, 34);
    this.arrow(x + BOX / 2, top, linear + 34, "decoder");
    const y = linear - 86;
    this.arrow(x + BOX / 2, linear, y + 76, "decoder");
    this.softmax = this.box("decoder", "softmax", y, 76, "loss");
    this.tops = s("g.tops");
    this.softmax.append(this.tops);
    this.softmaxY = y;
  }

  role(view) {
    const open = () => this.context.open(view);
    const key = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    };
    return { role: "button", tabindex: 0, on: { click: open, keydown: key } };
  }

  box(side, name, y, height, view) {
    const change = { self: { kind: side === "encoder" ? "encoder_self" : "decoder_self" }, cross: { kind: "cross" } }[name];
    const { store } = this.context;
    const part = view === "layers" && { stack: side, sub: SUBLAYERS[side].indexOf(name === "feed" ? name : PARTS[side][name]) };
    const open = () => this.context.open(view, { ...change, ...(change && { layer: store[side] }), ...part });
    const key = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    };
    const which = name === "self" ? `self.${side}` : name.replace(/\d/, "");
    const label = this.say(`map.${which}`);
    const lines = label.split("|");
    const x = LEFT[side];
    const middle = y + height / 2 - (lines.length - 1) * 6.5;
    const box = s(
      `g.box.${side}`,
      { role: "button", tabindex: 0, "aria-label": lines.join(" "), "data-box": `${side}.${name}`, on: { click: open, keydown: key } },
      s("rect", { x, y, width: BOX, height, rx: 6 }),
      lines.map((line, i) => s("text", { x: x + 8, y: middle + 4 + i * 13 }, line)),
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
    const [x0, room] = [LEFT[side] + 84, BOX - 90];
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
    const [x0, room] = [LEFT[side] + 84, BOX - 90];
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
    const cell = Math.min(10, (height - 8) / picked.length, (BOX - 96) / picked[0].length);
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
        s("rect", { x: x + 42, y, width: wide, height: 9, fill: palette.weightCss(0.2 + 0.6 * p) }),
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
