/* What a view of one head looks at: the attention that the state names, its words, its row, and where each side comes
 * from. Draws nothing. */

import { word } from "../drawing/dom.js";

/** A model that only tells where it looked (a recurrent one) has no q, k and v. */
export function hasHeads(context) {
  const attention = context.model.pass("inference").decoder[0]?.cross;
  return Boolean(attention?.q && context.model.pass("inference").decoder[0].self);
}

/** "read" (the encoder's side, blue) or "write" (the decoder's, orange): who made the stream that a side is taken from. */
export function sideOf(attention, from) {
  if (from === "memory") return "read";
  return attention.kind === "encoder_self" ? "read" : "write";
}

/**
 * asks, answers: the words of the rows and columns whose numbers were kept; T, S: how many there really are;
 * timed: rows are time steps; ofDecoder: the columns are decoder positions; stepwise: later rows do not exist yet.
 */
export function sceneOf(context) {
  const { store, model } = context;
  const { mode, kind, head } = store;
  const attention = model.attention(mode, kind, store.layer);
  const [, rows, cols] = attention.weights.shape;
  const source = model.source.map((token) => token.piece);
  const fed = model.fed(mode).map((token) => token.piece);
  const written = model.written(mode).map((token) => token.piece);
  const timed = sideOf(attention, attention.q_from) === "write";
  const ofDecoder = sideOf(attention, attention.k_from) === "write";
  const asks = timed ? (kind === "cross" ? written : fed) : source;
  const answers = ofDecoder ? fed : source;
  return {
    attention, head, mode, kind, timed, ofDecoder,
    T: asks.length,
    S: answers.length,
    asks: asks.slice(0, rows),
    answers: answers.slice(0, cols),
    cut: rows < asks.length || cols < answers.length,
    // With a cache a step computes one row, so later ones do not exist yet; these two were searched without one.
    stepwise: timed && mode === "inference" && !["causal_mask", "swap"].includes(context.trace.removed),
  };
}

/** The row that asks now: null before the decoder has begun, and where the numbers of that step were not kept.
 * `asker` counts where rows are no time steps. */
export function askingRow(context, scene, asker) {
  const { t } = context.store;
  if (!scene.timed) return Math.min(asker, scene.asks.length - 1);
  return t < 0 || t >= scene.asks.length ? null : t;
}

export function asked(scene, c) {
  return word(scene.answers[c], scene.ofDecoder ? "fed" : "memory");
}

export function asking(scene, r) {
  return word(scene.asks[r], scene.timed ? "fed" : "memory");
}

export function shape(...sizes) {
  return `[${sizes.join(", ")}]`;
}
