/* All heads of a trace in order of one measure: how sharp they look, how far from the diagonal, how much they rest on
 * the special token. Measures say where a head looks, not what it is good for. */

import { h, swap, choice, number, percent } from "../drawing/dom.js";
import { read, row, entropy, choices, choosing } from "../trace/tensor.js";
import { thumbnail } from "../drawing/heat.js";
import { KINDS } from "../trace/model.js";
import { sideOf } from "../qkv/scene.js";

const MOST = 64; // heads shown
const SIZE = 66;
const MEASURES = { entropy: "spread", distance: "distance", special: "special" };

export function ranking(context) {
  const { store, say } = context;
  const state = { kind: "all", measure: "entropy" };
  const [tools, list] = [h("div.picker"), h("div.ranked.small-multiples")];
  const lead = h("p");
  let found = [];
  const draw = () => {
    swap(tools, chosen(say("words.kind"), "kind", ["all", ...KINDS], (kind) => say(kind === "all" ? "heads.all" : `kind.${kind}`)),
      chosen(say("heads.by"), "measure", Object.keys(MEASURES), (name) => say(`heads.by.${name}`)));
    swap(lead, say(`heads.by.${state.measure}.what`));
    swap(list, thumbs(context, found, state));
    pin(list, store);
  };
  const chosen = (label, name, items, text) =>
    choice(label, items.map((item) => [item, text(item)]), state[name], (value) => {
      state[name] = value;
      draw();
    });
  context.watch(["mode"], () => {
    found = measured(context);
    draw();
  });
  context.watch(["kind", "layer", "head"], () => pin(list, store));
  return h("div", {}, tools, lead, list, h("p.warn", {}, say("heads.warn")));
}

/** Every head with its three measures. */
function measured(context) {
  const { model, store } = context;
  const made = [];
  for (const kind of KINDS)
    for (let layer = 0; layer < model.layers(kind); layer++) {
      const attention = model.attention(store.mode, kind, layer);
      const special = specialColumns(context, attention);
      for (let head = 0; head < attention.weights.shape[0]; head++)
        made.push({ kind, layer, head, attention, ...measures(attention, head, special) });
    }
  return made;
}

/** Where sentences end and begin: </s> of the source, <s> of the decoder's input. */
function specialColumns(context, attention) {
  const { model, store, trace } = context;
  const { bos, eos } = trace.model.specials;
  const ofDecoder = sideOf(attention, attention.k_from) === "write";
  const tokens = ofDecoder ? model.fed(store.mode) : model.source;
  const kept = attention.weights.shape[2];
  return tokens.slice(0, kept).flatMap((token, c) => (token.id === eos || token.id === bos ? [c] : []));
}

/**
 * Means over the rows that have a choice, null where none has. spread: the entropy as a share of what is possible in
 * the row, 0 where all weight is on one place; in bits, a mask would make a head look sharp. distance: tokens from the diagonal; where the sides
 * differ in length, from the line between opposite corners. special: share of the weight there, null without any.
 */
export function measures(attention, head, special) {
  const [, rows, cols] = attention.weights.shape;
  const slope = attention.kind === "cross" && rows > 1 ? (cols - 1) / (rows - 1) : 1;
  const [counts, counted] = [choices(attention), choosing(attention)];
  if (counted.length === 0) return { spread: null, distance: null, special: null };
  let [spread, distance, rest] = [0, 0, 0];
  for (const r of counted) {
    const weights = row(attention.weights, head, r);
    spread += Math.min(1, entropy(weights) / Math.log2(counts[r])) / counted.length;
    weights.forEach((weight, c) => {
      distance += (weight * Math.abs(c - r * slope)) / counted.length;
    });
    for (const c of special) rest += weights[c] / counted.length;
  }
  return { spread, distance, special: special.length ? rest : null };
}

function thumbs(context, found, state) {
  const { say } = context;
  const field = MEASURES[state.measure];
  const sign = state.measure === "special" ? -1 : 1;
  const all = found
    .filter((one) => (state.kind === "all" || one.kind === state.kind) && one[field] !== null)
    .sort((a, b) => sign * (a[field] - b[field]));
  const shown = all.slice(0, MOST);
  const left = field === "special" && found.some((one) => one.special === null);
  return [
    h("ol.row", {}, shown.map((one) => h("li", {}, thumb(context, one, state.measure, one[field])))),
    shown.length < all.length && h("p.limit", {}, say("page.limit", { n: shown.length, all: all.length })),
    left && h("p.limit", {}, say("heads.nospecial")),
  ];
}

function thumb(context, one, measure, value) {
  const { say, palette, open } = context;
  const { kind, layer, head, attention } = one;
  one.picture ??= drawn(palette, attention, head);
  const figure = measure === "special" || measure === "entropy" ? percent(value) : number(value, 2);
  const label = `${attention.name} · ${say("words.head")} ${head + 1}: ${say(`heads.by.${measure}`)} ${figure}`;
  const options = { type: "button", "aria-label": label, "data-kind": kind, "data-layer": layer, "data-head": head, title: label };
  return h(
    "button",
    { ...options, on: { click: () => open("attention", { kind, layer, head }) } },
    one.picture,
    h("span", {}, `${say(`heads.short.${kind}`)} ${layer + 1}.${head + 1}`),
    h("b", {}, figure),
  );
}

function drawn(palette, attention, head) {
  const { shape: [, rows, cols], data } = read(attention.weights);
  const from = head * rows * cols;
  return thumbnail(palette, rows, cols, (r, c) => data[from + r * cols + c], SIZE);
}

function pin(list, { kind, layer, head }) {
  for (const one of list.querySelectorAll("button")) {
    const here = one.dataset.kind === kind && one.dataset.layer === String(layer) && one.dataset.head === String(head);
    one.setAttribute("aria-pressed", String(here));
  }
}
