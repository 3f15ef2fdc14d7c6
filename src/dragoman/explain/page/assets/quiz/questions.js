/* Questions about one trace, each with the answer that this trace gives. Draws nothing, and rolls no dice of its own:
 * the same trace is always asked the same. What could be answered in two ways in this trace is not asked. */

import { row, headMean } from "../trace/tensor.js";
import { number, percent, visible } from "../drawing/dom.js";

const ASKED = 8;
const WRONG = 3; // wrong answers beside the right one
const CLEAR = 0.1; // by how much a head's first choice has to lead, to be asked for
const APART = 0.03; // by how much attention and effect have to differ, to be told apart

/**
 * [{ id, ask, options, right, why, open: [view, state] }]. ask, why and each option are { key, values, words }: a
 * sentence of the interface, plain values, and words of the trace that are to stand in it. `right` is a place in options.
 */
export function questions(trace, model) {
  const chance = dice(JSON.stringify([trace.model.fingerprint, trace.source.text, trace.inference.text, trace.removed]));
  const all = MAKERS.map((make) => finished(make(trace, model, chance), chance)).filter(Boolean);
  const kept = new Set(all.filter((one) => ALWAYS.includes(one.id)));
  for (const one of shuffled(all.filter((question) => !kept.has(question)), chance)) if (kept.size < ASKED) kept.add(one);
  return all.filter((one) => kept.has(one));
}

/** Mixes right and wrong answers; null where too few are left that read differently. */
function finished(question, chance) {
  if (!question) return null;
  const reading = ({ key, values, words }) => JSON.stringify([key, values, Object.values(words ?? {}).map(visible)]);
  const seen = new Set([reading(question.right)]);
  const wrong = question.wrong.filter((option) => !seen.has(reading(option)) && seen.add(reading(option))).slice(0, WRONG);
  if (wrong.length < 2) return null;
  const options = shuffled([question.right, ...wrong], chance);
  return { ...question, options, right: options.indexOf(question.right) };
}

// -- training and inference -----------------------------------------------------------------------------------------

function hidden({ training }) {
  const mask = training?.causal_mask ?? [];
  if (mask.length < 3) return null;
  const t = Math.min(mask.length - 2, Math.max(1, Math.floor(mask.length / 2)));
  const later = mask[t].findIndex((open) => !open);
  const open = mask[t].flatMap((may, c) => (may ? [c] : []));
  if (later < 0 || open.length < 2) return null;
  const option = (c) => place(c, training.input[c]);
  return {
    id: "hidden",
    ask: text("quiz.hidden", { t }, { word: training.input[t].piece }),
    right: option(later),
    wrong: open.reverse().map(option),
    why: text("quiz.hidden.why", { t, c: later, next: t + 1 }),
    open: ["masks", { mode: "training", kind: "decoder_self", t }],
  };
}

function fed({ training }) {
  const steps = training?.steps ?? [];
  // A later step is the better example: at t = 0 nobody expects anything else.
  const able = steps.slice(0, -1).filter(({ t, label }) => training.input[t + 1].id === label.id && steps[t].top.length > 1);
  const missed = able.filter((step) => step.prediction.id !== step.label.id);
  const step = missed.find(({ t }) => t > 0) ?? missed[0] ?? able[1] ?? able[0];
  if (!step) return null;
  const really = step.prediction.id !== step.label.id;
  const said = really ? step.prediction : step.top.find(({ id }) => id !== step.label.id);
  const { t, label } = step;
  if (visible(said.piece) === visible(label.piece)) return null;
  return {
    id: "fed",
    ask: text(really ? "quiz.fed" : "quiz.fed.suppose", { t, next: t + 1 }, { said: said.piece, word: label.piece }),
    right: only(training.input[t + 1].piece),
    wrong: [said.piece, steps[t + 1].label.piece, training.input[0].piece, training.input[t].piece].map(only),
    why: text("quiz.fed.why"),
    open: ["clocks", { mode: "training", t: t + 1 }],
  };
}

function passes({ inference }) {
  const { encoder_passes: e, decoder_passes: d } = inference;
  if (d < 2) return null;
  const n = inference.steps.length;
  const reason = e > 1 ? ".anew" : d > n ? ".longer" : "";
  const option = (encoder, decoder) => text("quiz.passes.option", { e: encoder, d: decoder });
  return {
    id: "passes",
    ask: text("quiz.passes"),
    right: option(e, d),
    wrong: [option(d, d), option(1, 1), option(d, 1), option(1, d)],
    why: text(`quiz.passes.why${reason}`, { e, d, n }),
    open: ["clocks", { mode: "inference", t: -1 }],
  };
}

function together({ training }) {
  const n = training?.steps.length ?? 0;
  if (n < 3) return null;
  const d = training.decoder_passes;
  return {
    id: "together",
    ask: text("quiz.together", { n }),
    right: plain(d),
    wrong: [n, n - 1, 2 * n, 2].map(plain),
    why: text("quiz.together.why", { n, d }),
    open: ["clocks", { mode: "training", t: n - 1 }],
  };
}

function loop({ inference }, model, chance) {
  const { steps } = inference;
  if (steps.length < 3) return null;
  const t = 1 + chance(steps.length - 2);
  const second = steps[t - 1].top.find(({ id }) => id !== steps[t].input.id);
  return {
    id: "loop",
    ask: text("quiz.loop", { t }),
    right: only(steps[t].input.piece),
    wrong: [steps[t].chosen, steps[0].input, second, steps[t - 1].input].filter(Boolean).map(({ piece }) => only(piece)),
    why: text("quiz.loop.why", { t, before: t - 1 }),
    open: ["clocks", { mode: "inference", t }],
  };
}

function cache({ inference }, model, chance) {
  const { steps } = inference;
  if (steps.length < 4) return null;
  const t = 2 + chance(steps.length - 2);
  const { before, after, memory } = steps[t].cache;
  if (before !== t || after !== t + 1) return null;
  return {
    id: "cache",
    ask: text("quiz.cache", { t }),
    right: plain(before),
    wrong: [after, memory, 0, steps.length, 1].map(plain),
    why: text("quiz.cache.why", { t, before, last: t - 1 }),
    open: ["clocks", { mode: "inference", t }],
  };
}

function loss({ training }) {
  const [worst, second, ...others] = [...(training?.steps ?? [])].sort((a, b) => b.loss - a.loss);
  if (others.length < 1 || number(worst.loss, 2) === number(second.loss, 2)) return null;
  const first = worst.prediction.id === worst.label.id;
  const option = (step) => place(step.t, step.label);
  const values = { p: percent(worst.p_label), loss: number(worst.loss, 2) };
  return {
    id: "loss",
    ask: text("quiz.loss"),
    right: option(worst),
    wrong: [second, ...others].map(option),
    why: text(first ? "quiz.loss.why.first" : "quiz.loss.why", values, { said: worst.prediction.piece }),
    open: ["loss", { mode: "training", t: worst.t }],
  };
}

// -- who asks, who answers ------------------------------------------------------------------------------------------

function lastCross(model) {
  const layer = model.layers("cross") - 1;
  return layer < 0 ? [null, layer] : [model.attention("inference", "cross", layer), layer];
}

function shapeOf(attention, name) {
  return attention?.shapes.find(([part]) => part === name)?.[1] ?? null;
}

function origin(trace, model) {
  const [attention, layer] = lastCross(model);
  if (attention?.q_from !== "x" || attention.k_from !== "memory" || attention.v_from !== "memory") return null;
  const option = (q, kv) => text(`quiz.origin.${q}.${kv}`);
  return {
    id: "origin",
    ask: text("quiz.origin", { name: attention.name }),
    right: option(attention.q_from, attention.k_from),
    wrong: [option("memory", "x"), option("x", "x"), option("memory", "memory")],
    why: text("quiz.origin.why"),
    open: ["qkv", { kind: "cross", layer }],
  };
}

function rows(trace, model) {
  const [attention, layer] = lastCross(model);
  const [q, k, out] = ["q", "k", "output"].map((name) => shapeOf(attention, name));
  if (!q || !k || !out || q[1] === k[1] || out[1] !== q[1]) return null;
  const [t, s] = [q[1], k[1]];
  return {
    id: "rows",
    ask: text("quiz.rows", { name: attention.name, t, s }),
    right: plain(out[1]),
    wrong: [s, t + s, t * s, 1].map(plain),
    why: text("quiz.rows.why", { t, s }),
    open: ["qkv", { mode: "inference", kind: "cross", layer }],
  };
}

function split(trace, model) {
  const [attention, layer] = lastCross(model);
  const [q, parts] = ["q", "split q"].map((name) => shapeOf(attention, name));
  if (!q || !parts || parts[1] < 2) return null;
  const [, heads, t, k] = parts;
  const option = (...shape) => plain(`[${shape.join(", ")}]`);
  return {
    id: "split",
    ask: text("quiz.split", { name: attention.name, shape: `[${q.join(", ")}]`, heads }),
    right: option(...parts),
    wrong: [option(1, heads, t, q[2]), option(1, t, k, heads), option(1, heads, k, t), option(heads, t, q[2])],
    why: text("quiz.split.why", { d: q[2], heads, k }),
    open: ["heads", { kind: "cross", layer }],
  };
}

function looks(trace, model, chance) {
  const [attention, layer] = lastCross(model);
  if (!attention || attention.q_from !== "x") return null;
  const [written, source] = model.labels("inference", "cross");
  const found = [];
  for (let head = 0; head < attention.weights.shape[0]; head++)
    written.forEach((word, t) => {
      const order = Array.from(row(attention.weights, head, t), (weight, s) => ({ weight, s })).sort((a, b) => b.weight - a.weight);
      const alone = source.filter((piece) => piece === source[order[0].s]).length === 1;
      if (order.length > 2 && alone && order[0].weight - order[1].weight >= CLEAR) found.push({ head, t, word, order });
    });
  // While a word is written, not the end: there a head has nothing to look for.
  const words = found.filter(({ t }) => t < written.length - 1);
  const pool = words.length ? words : found;
  if (pool.length === 0) return null;
  const { head, t, word, order } = pool[chance(pool.length)];
  const [best, second] = order;
  const values = { p: percent(best.weight), q: percent(second.weight) };
  return {
    id: "looks",
    ask: text("quiz.looks", { head: head + 1, name: attention.name, t }, { word }),
    right: only(source[best.s]),
    wrong: order.slice(1).map(({ s }) => only(source[s])),
    why: text("quiz.looks.why", values, { second: source[second.s] }),
    open: ["attention", { mode: "inference", kind: "cross", layer, head, t }],
  };
}

function explains({ source, influence, proofs, model: { specials } }) {
  const end = source.tokens.findLastIndex((token) => token.id === specials.eos);
  if (!influence?.value_zeroing || end < 0 || end >= influence.attention.shape[1]) return null;
  const [looked, moved] = [influence.attention, influence.value_zeroing].map(shares);
  if (looked[end] - moved[end] < APART) return null;
  const [a, b] = [percent(looked[end]), percent(moved[end])];
  const word = { word: source.tokens[end].piece };
  const most = moved.indexOf(Math.max(...moved)) !== end;
  const wrong = [
    text("quiz.explains.cause", { a }, word),
    most && text("quiz.explains.most", {}, word),
    proofs.every((proof) => proof.passed) && text("quiz.explains.broken"),
  ];
  return {
    id: "explains",
    ask: text("quiz.explains", { a }, word),
    right: text("quiz.explains.right"),
    wrong: wrong.filter(Boolean),
    why: text("quiz.explains.why", { a, b }, word),
    open: ["influence", { mode: "inference" }],
  };
}

/** Of a [T, S] matrix whose rows sum to 1: the share of each column. */
function shares(tensor) {
  const lines = headMean({ ...tensor, shape: [1, ...tensor.shape] });
  return Array.from(lines[0], (_, s) => lines.reduce((sum, line) => sum + line[s] / lines.length, 0));
}

const MAKERS = [hidden, fed, passes, together, loop, cache, loss, origin, rows, split, looks, explains];
const ALWAYS = ["hidden", "fed", "passes", "origin"]; // the two questions that this page is for

// -- texts and dice -------------------------------------------------------------------------------------------------

function text(key, values = {}, words = {}) {
  return { key, values, words };
}

const only = (piece) => text("quiz.word", {}, { word: piece });
const plain = (x) => text("quiz.plain", { x });
const place = (t, token) => text("quiz.place", { t }, { word: token.piece });

/** Numbers 0 to n - 1 that follow from a text alone (FNV-1a, then mulberry32). */
function dice(seed) {
  let state = 0x811c9dc5;
  for (const letter of seed) state = Math.imul(state ^ letter.codePointAt(0), 0x01000193);
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

function shuffled(list, chance) {
  const made = [...list];
  for (let i = made.length - 1; i > 0; i--) {
    const j = chance(i + 1);
    [made[i], made[j]] = [made[j], made[i]];
  }
  return made;
}
