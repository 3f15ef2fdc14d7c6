/* Why Q, K and V come from where they come from, said with the numbers of this head and the proof that belongs to each
 * reason. What it computes anew (softmax without the scale) is computed from the stored scores. */

import { h, number, percent } from "../drawing/dom.js";
import { row, entropy, softmax } from "../trace/tensor.js";
import { place, codeLine } from "../drawing/arithmetic.js";
import { partName } from "../drawing/told.js";
import { shape } from "./scene.js";

export function reasons(context, scene) {
  const { say, trace } = context;
  const { attention, T, S } = scene;
  const width = attention.q.shape[2];
  const values = { T, S, q: shape(T, width), k: shape(S, width), w: shape(T, S), out: shape(T, width) };
  const swapped = attention.kind === "cross" && attention.q_from === "memory";
  const kind = swapped ? "swap" : attention.kind;
  return h(
    "div.reasons",
    {},
    h("h3", {}, say("qkv.why.q.title")),
    h("p", {}, say(`qkv.why.q.${kind}`, values)),
    kind === "cross" && h("p", {}, say(T === S ? "qkv.why.q.same" : "qkv.why.q.else", values)),
    h("h3", {}, say("qkv.why.kv.title")),
    h("p", {}, say(`qkv.why.kv.${kind}`, values)),
    kind === "cross" && once(context),
    h("h3", {}, say("qkv.why.scale.title")),
    scale(context, scene),
    h("h3", {}, say("qkv.why.dot.title")),
    h("p", {}, say("qkv.why.dot")),
    h("h3", {}, say("qkv.why.code")),
    trace.removed && h("p.warn", {}, say("qkv.removed", { part: partName(say, trace.removed) })),
    h("dl.code-of", {}, [
      ["x → q, k, v", codeLine(context, "projection")],
      [say("heads.tab"), codeLine(context, "split")],
      ["softmax(q · k / √K)", place(context, attention.code)],
    ].map(([what, where]) => where && [h("dt", {}, what), h("dd", {}, where)])),
  );
}

/** That K and V do not depend on t is measured, not said. */
function once(context) {
  const { say, model, trace } = context;
  const proof = model.proof("encoder_once");
  if (!proof) return null;
  const values = {
    passes: trace.inference.encoder_passes,
    steps: trace.inference.steps.length,
    value: String(proof.value),
    limit: String(proof.limit),
  };
  return h(`p.measured.${proof.passed ? "good" : "bad"}`, {}, say(proof.passed ? "qkv.once" : "qkv.once.failed", values));
}

function scale(context, scene) {
  const { say } = context;
  const { attention, head } = scene;
  const found = spread(attention, head);
  const width = attention.q.shape[2];
  const shown = (x) => (x < 0.01 ? x.toFixed(2) : number(x, 2));
  const values = {
    width,
    root: number(Math.sqrt(width), 2).replace(/\.0+$/, ""),
    before: shown(found.before),
    after: shown(found.after),
    bits: shown(found.bits),
    undivided: shown(found.undivided),
    most: shown(found.most),
  };
  if (attention.scale === 1 && width > 1) return h("p.warn", {}, say("qkv.why.scale.gone", values));
  return [
    h("p", {}, say("qkv.why.scale", values)),
    h("p", {}, say(found.undivided < found.bits ? "qkv.why.scale.sharper" : "qkv.why.scale.same", values)),
    h("p.fine", {}, say("qkv.why.scale.note")),
    h("p.negative", {}, signs(context, found)),
  ];
}

const FEW = 0.1; // share of products below zero under which a head is an exception

/** How many products of this head are below zero; where hardly one is, how many of all heads. */
function signs({ say, trace }, { all, negative }) {
  const values = { all, n: negative };
  if (negative >= FEW * all) return say("qkv.negative", { ...values, share: percent(negative / all) });
  const { encoder, decoder } = trace.inference.pass;
  const attentions = [...encoder, ...decoder].flatMap((layer) => [layer.self, layer.cross]).filter((one) => one?.scores);
  const heads = attentions.flatMap((one) => Array.from({ length: one.scores.shape[0] }, (_, head) => spread(one, head)));
  const [every, below] = ["all", "negative"].map((name) => heads.reduce((sum, head) => sum + head[name], 0));
  return say("qkv.negative.few", { ...values, every, below, share: percent(below / every) });
}

/**
 * Of one head, over the keys that may be looked at, mean of its rows: the variance of the scores before and after
 * scaling, and the bits that the weights spread over with and without it. `most` is the same for even weights. And
 * counted: `all` scores, and those that are negative.
 */
export function spread(attention, head) {
  const sums = { before: 0, after: 0, bits: 0, undivided: 0, most: 0 };
  let [rows, all, negative] = [0, 0, 0];
  for (let r = 0; r < attention.scores.shape[1]; r++) {
    const seen = (values) => Array.from(values).filter((_, c) => !attention.allowed || attention.allowed[r][c]);
    const open = seen(row(attention.scores, head, r));
    if (open.length === 0) continue;
    const scaled = open.map((x) => x * attention.scale);
    const bias = attention.bias ? seen(row(attention.bias, head, r)) : open.map(() => 0);
    rows += 1;
    all += open.length;
    negative += open.filter((x) => x < 0).length;
    sums.before += variance(open);
    sums.after += variance(scaled);
    sums.bits += entropy(softmax(scaled.map((x, c) => x + bias[c])));
    sums.undivided += entropy(softmax(open.map((x, c) => x + bias[c])));
    sums.most += Math.log2(open.length);
  }
  const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / Math.max(1, rows)]));
  return { ...means, all, negative };
}

function variance(list) {
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  return list.reduce((all, x) => all + (x - mean) ** 2, 0) / list.length;
}
