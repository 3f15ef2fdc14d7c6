/* What a view asks of a trace: words by position, attentions by name, the steps of a mode. Draws nothing. */

import { headMean, norm, row } from "./tensor.js";

const INSIDE = ["rotary", "alibi"]; // positions that add nothing to the words

export const KINDS = ["encoder_self", "decoder_self", "cross"];

export class Model {
  constructor(trace) {
    this.trace = trace;
    this.config = trace.model.config;
    this.source = trace.source.tokens;
  }

  get hasTraining() {
    return this.trace.training !== null && this.trace.training !== undefined;
  }

  /** Whether what the model writes itself stands in for a reference that was not given. */
  get standsIn() {
    return Boolean(this.trace.training?.stands_in);
  }

  pass(mode) {
    return mode === "training" && this.hasTraining ? this.trace.training.pass : this.trace.inference.pass;
  }

  /** Whether a piece carries the sign of a space, which then has to be explained. */
  marksSpaces() {
    return [...this.source, ...this.fed("inference")].some((token) => token.piece.includes("▁"));
  }

  /** The symbol in front of a source that tells a model of several directions what to write, as ⟨zh⟩. */
  aTag() {
    const first = this.source[0]?.piece ?? "";
    return /^⟨.+⟩$/.test(first) ? first : null;
  }

  /** A piece that is a single byte, in what is read or written, if there is one: it has to be explained. */
  aByte() {
    return [...this.source, ...this.fed("inference"), ...this.written("inference")].map((token) => token.piece).find(isByte);
  }

  /** Tokens fed to the decoder, and tokens that each position has to write (training) or chose (inference). */
  fed(mode) {
    if (mode === "training" && this.hasTraining) return this.trace.training.input;
    return this.trace.inference.steps.map((step) => step.input);
  }

  written(mode) {
    if (mode === "training" && this.hasTraining) return this.trace.training.labels;
    return this.trace.inference.steps.map((step) => step.chosen);
  }

  /** What the model itself says at each step: the chosen word in inference, its best guess in training. */
  said(mode) {
    if (mode === "training" && this.hasTraining) return this.trace.training.steps.map((step) => step.prediction);
    return this.written(mode);
  }

  length(mode) {
    return this.fed(mode).length;
  }

  /** Whether positions are added to the words; if not (rotary, ALiBi), order comes in inside the self-attentions. Told by
   * the numbers, but of a trace that was made without positions: those are 0 whatever the model does. */
  get addsPositions() {
    if (this.trace.removed === "positions") return !INSIDE.includes(this.config.positions);
    const added = this.pass("inference").embedding?.source.positions;
    return !added || Array.from({ length: Math.min(2, added.shape[0]) }, (_, i) => norm(row(added, i))).some((long) => long > 0);
  }

  layers(kind) {
    const run = this.pass("inference");
    return kind === "encoder_self" ? run.encoder.length : run.decoder.length;
  }

  get heads() {
    return this.attention("inference", "cross", 0)?.weights.shape[0] ?? 0;
  }

  /** null where the model has none: a recurrent one may know the source by one vector alone. */
  attention(mode, kind, layer) {
    const run = this.pass(mode);
    if (this.layers(kind) === 0) return null;
    const at = Math.max(0, Math.min(layer, this.layers(kind) - 1));
    if (kind === "encoder_self") return run.encoder[at].self;
    return run.decoder[at][kind === "cross" ? "cross" : "self"];
  }

  /** [names of rows, names of columns], cut to what the stored tensor holds. Rows of cross-attention carry the word
   * that the position is about to write: the question is asked for that word. */
  labels(mode, kind) {
    const source = this.source.map((token) => token.piece);
    const [, rows, cols] = this.attention(mode, kind, 0)?.weights.shape ?? [0, 0, 0];
    const fed = this.fed(mode).map((token) => token.piece);
    const asks = { encoder_self: source, decoder_self: fed, cross: this.written(mode).map((token) => token.piece) }[kind];
    return [asks.slice(0, rows), (kind === "decoder_self" ? fed : source).slice(0, cols)];
  }

  /** The row that step t asks with, inside the stored rows. The encoder has no steps: its rows are source words. */
  rowAt(mode, kind, t) {
    const rows = this.attention(mode, kind, 0)?.weights.shape[1] ?? 0;
    return Math.max(0, Math.min(t, rows - 1));
  }

  meanWeights(mode, kind, layer) {
    const attention = this.attention(mode, kind, layer);
    return attention ? headMean(attention.weights) : [];
  }

  proof(id) {
    return this.trace.proofs.find((proof) => proof.id === id) ?? null;
  }

  /** What step t was given and said, in either mode. */
  step(mode, t) {
    if (mode === "training" && this.hasTraining) {
      const step = this.trace.training.steps[t];
      return { ...step, says: step.prediction, p: step.prediction.p };
    }
    const step = this.trace.inference.steps[t];
    return { ...step, label: null, says: step.chosen, p: step.chosen.p };
  }

  memoryRow(mode, place) {
    return row(this.pass(mode).memory, place);
  }
}

export function isByte(piece) {
  return /^<0x[0-9A-F]{2}>$/.test(piece);
}

/** A byte that stands for part of a rare character is named as such; the rest is shown as the model sees it. */
export function pieceOf(token) {
  return token.piece;
}
