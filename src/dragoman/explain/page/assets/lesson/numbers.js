/* What the lesson reads from a trace: words without the signs of pieces, the rows of training, the shapes of a head. Draws
   nothing. A trace made without the lesson's own cut has its rows in pieces. */

import { exact } from "../drawing/written.js";

/** The word of a token or a guess; a piece that is only a space shows one. */
export function lettered({ piece }) {
  return piece.replaceAll("▁", " ").trim() || "␣";
}

/** [{t, input, label, prediction, p_label, loss}], or none where there is no training. */
export function rowsOf(trace) {
  return trace.lesson?.rows ?? trace.training?.steps ?? [];
}

/** Whether what is said goes on beyond the label and begins with it. */
export function begins(said, label) {
  return said.id !== label.id && lettered(said).startsWith(lettered(label));
}

/** The word that is not the label's: { t, said, supposed }, or null. */
export function slipOf(trace) {
  if (trace.lesson) return trace.lesson.slip ?? null;
  const found = rowsOf(trace).slice(0, -1).find((row) => row.prediction.id !== row.label.id && !begins(row.prediction, row.label));
  return found ? { t: found.t, said: found.prediction, supposed: false } : null;
}

/** Sum and mean of the losses, in nats. */
export function lossOf(trace) {
  const rows = rowsOf(trace);
  const sum = rows.reduce((all, row) => all + row.loss, 0);
  return { sum, mean: sum / Math.max(1, rows.length), n: rows.length };
}

/** Cells of a square of n by n, and those that a causal mask closes. */
export function maskOf(n) {
  return { all: n * n, hidden: (n * (n - 1)) / 2 };
}

/** Sizes of the last cross-attention as they are said: {T, S, q, k, v, w, out}, or null for a model without Q, K, V. */
export function shapesOf(model) {
  const attention = model.attention("inference", "cross", model.layers("cross") - 1);
  if (!attention?.q) return null;
  const [T, S, width] = [model.length("inference"), model.source.length, attention.q.shape[2]];
  const shape = (...sizes) => `[${sizes.join(", ")}]`;
  return {
    T, S, q: shape(T, width), k: shape(S, width), v: shape(S, width), w: shape(T, S), out: shape(T, width), name: attention.name,
    heads: model.heads, count: model.layers("cross"),
  };
}

/** Numbers of the one iteration, as they are said; null where none was made. */
export function iterationOf(trace) {
  const found = trace.lesson?.iteration;
  if (!found) return null;
  return {
    weights: found.weights.toLocaleString("en"), norm: exact(found.norm), rate: String(found.rate), before: exact(found.loss),
    after: exact(found.after), loss: exact(found.loss),
  };
}
