/* The attention matrices: one head large, its words tied by lines, all heads of its kind small beside it. */

import { h, swap, choice, select, button, number, percent, word } from "../drawing/dom.js";
import { read, reach, entropy, row, choices, choosing } from "../trace/tensor.js";
import { matrix, thumbnail } from "../drawing/heat.js";
import { links } from "../drawing/links.js";
import { openCell } from "../drawing/arithmetic.js";
import { KINDS } from "../trace/model.js";

const STAGES = ["scores", "scaled", "masked", "weights"];

/** Kind, layer and head: the three choices that name a matrix. */
export function picker(context, kinds = KINDS) {
  const { store, say, model } = context;
  const holder = h("div.picker");
  context.watch(["kind", "layer", "head"], () => {
    const there = kinds.filter((kind) => model.layers(kind) > 0 && model.attention("inference", kind, 0));
    const layers = model.layers(store.kind);
    if (store.layer >= layers) store.set({ layer: layers - 1 });
    const count = (n) => Array.from({ length: n }, (_, i) => [i, String(i + 1)]);
    swap(
      holder,
      select(say("words.kind"), there.map((kind) => [kind, say(`kind.${kind}`)]), store.kind, (kind) =>
        store.set({ kind, layer: Math.min(store.layer, model.layers(kind) - 1) })),
      select(say("words.layer"), count(layers), store.layer, (layer) => store.set({ layer: Number(layer) })),
      choice(say("words.head"), count(model.heads), store.head, (head) => store.set({ head })),
    );
  });
  return holder;
}

export function attention(context) {
  const { store, say, model } = context;
  if (model.layers("cross") === 0) return h("p.lead", {}, say("attention.none"));
  // A model that only tells where it looked has weights, and nothing that they were computed from.
  const bare = () => !model.attention(store.mode, store.kind, store.layer).scores;
  const state = { stage: "weights", picture: null, tied: null };
  const stages = h("div");
  const stage = () =>
    swap(stages, choice(say("words.stage"), STAGES.map((name) => [name, say(`stage.${name}`), name !== "weights" && bare()]), state.stage, (name) => {
      state.stage = name;
      stage();
      draw();
    }));
  const large = h("div.large");
  const lines = h("div");
  const small = h("div.small-multiples");
  const draw = () => redraw(context, state, large, lines);
  stage();
  context.watch(["mode", "kind", "layer", "head"], draw);
  context.watch(["mode", "kind"], () => swap(small, multiples(context)));
  context.watch(["mode", "kind", "layer", "head"], () => mark(small, store));
  context.watch(["t", "mode"], () => follow(context, state));
  return h(
    "div",
    {},
    h("p.lead", {}, say("attention.lead")),
    picker(context),
    stages,
    large,
    h("h3", {}, say("attention.lines")),
    lines,
    h("h3", {}, say("attention.all")),
    h("p", {}, say("attention.all.what")),
    small,
    h("p.warn", {}, say("attention.warn"), " ", button(say("influence.tab"), () => context.open("influence"), { class: "inline" })),
  );
}

function follow(context, state) {
  const { store, model } = context;
  const r = store.kind === "encoder_self" || store.t < 0 ? null : model.rowAt(store.mode, store.kind, store.t);
  state.picture?.mark({ row: r });
  if (state.tied) state.tied.current = r;
}

function values(attention, head, stage) {
  const part = read(stage === "weights" ? attention.weights : attention.scores);
  const [, rows, cols] = part.shape;
  const plain = stage === "scores" || stage === "weights";
  const scale = plain ? 1 : attention.scale;
  const bias = plain || !attention.bias ? null : read(attention.bias).data;
  const at = (r, c) => (head * rows + r) * cols + c;
  return (r, c) => part.data[at(r, c)] * scale + (bias ? bias[at(r, c)] : 0);
}

function redraw(context, state, large, lines) {
  const { store, model, say, palette } = context;
  const attention = model.attention(store.mode, store.kind, store.layer);
  const [rows, cols] = model.labels(store.mode, store.kind);
  const value = values(attention, store.head, state.stage);
  const hidden = (r, c) => attention.allowed && !attention.allowed[r]?.[c];
  const shown = state.stage === "masked" || state.stage === "weights";
  const readout = h("p.readout", { "aria-live": "polite" }, say("attention.hint"));
  state.picture = matrix(palette, {
    rows,
    cols,
    value,
    masked: shown ? hidden : null,
    kind: state.stage === "weights" ? "weight" : "signed",
    reach: state.stage === "weights" ? 1 : spread(rows, cols, value),
    width: Math.min(760, context.width()),
    label: say("attention.label", { name: attention.name, head: store.head + 1 }),
    onPoint: (r, c) => {
      if (r === null) return;
      const x = hidden(r, c) && shown ? say("words.masked") : state.stage === "weights" ? percent(value(r, c)) : number(value(r, c), 2);
      swap(readout, word(rows[r], "fed"), " → ", word(cols[c], store.kind === "cross" ? "memory" : "fed"), "  ", h("b", {}, x));
    },
    onPick: (r, c) => {
      if (store.kind !== "encoder_self") store.set({ t: r });
      if (attention.q) openCell(context, attention, store.head, r, c, rows, cols);
    },
  });
  swap(large, h("p.axes", {}, say(`axes.${store.kind}`)), h("div.scroll", {}, state.picture.element), readout, said(context, attention, cols));
  const weight = values(attention, store.head, "weights");
  state.tied = links({ above: cols, below: rows, say, current: null, weight, onPick: (t) => store.kind !== "encoder_self" && store.set({ t }) });
  swap(lines, state.tied.element);
  const tied = state.tied;
  requestAnimationFrame(() => tied.draw());
  follow(context, state);
}

function spread(rows, cols, value) {
  const all = [];
  for (let r = 0; r < rows.length; r++) for (let c = 0; c < cols.length; c++) all.push(value(r, c));
  return reach(all);
}

/** One sentence on the head, computed from its weights: how sharp it is and where it looks. */
function said(context, attention, cols) {
  const { store, say } = context;
  const [counts, counted] = [choices(attention), choosing(attention)];
  if (counted.length === 0) return null;
  let [bits, most] = [0, 0];
  const sums = new Array(cols.length).fill(0);
  for (const r of counted) {
    const weights = row(attention.weights, store.head, r);
    bits += entropy(weights) / counted.length;
    most += Math.log2(counts[r]) / counted.length;
    cols.forEach((_, c) => {
      sums[c] += weights[c] / counted.length;
    });
  }
  const best = sums.indexOf(Math.max(...sums));
  return h("p", {}, say("attention.said", { bits: number(bits, 2), most: number(most, 2), share: percent(sums[best]) }), " ", word(cols[best]));
}

function multiples(context) {
  const { store, model, say, palette } = context;
  const made = [];
  for (let layer = 0; layer < model.layers(store.kind); layer++) {
    const attention = model.attention(store.mode, store.kind, layer);
    const [, rows, cols] = attention.weights.shape;
    const heads = Array.from({ length: model.heads }, (_, head) => {
      const picture = thumbnail(palette, rows, cols, values(attention, head, "weights"), 72);
      return h(
        "button",
        {
          type: "button",
          "data-layer": layer,
          "data-head": head,
          "aria-label": say("attention.label", { name: attention.name, head: head + 1 }),
          on: { click: () => store.set({ layer, head }) },
        },
        picture,
        h("span", {}, `${layer + 1}.${head + 1}`),
      );
    });
    made.push(h("div.layer", {}, h("span.name", {}, `${say("words.layer")} ${layer + 1}`), h("div.row", {}, heads)));
  }
  return made;
}

function mark(small, store) {
  for (const thumb of small.querySelectorAll("button"))
    thumb.setAttribute("aria-pressed", String(thumb.dataset.layer === String(store.layer) && thumb.dataset.head === String(store.head)));
}
