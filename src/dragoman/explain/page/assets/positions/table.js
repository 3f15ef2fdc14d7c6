/* The position table as numbers: its rows, the formula that made them, and how they are alike. Draws nothing. */

import { read, dot, reach } from "../trace/tensor.js";

const SHOWN = 64; // positions a table of sinusoids is drawn to, however short the sentence
const BASE = 10_000;
const KINDS = ["sinusoidal", "fairseq", "learned", "rotary", "alibi", "grid"]; // that prose-masks.js tells of
const WAVES = ["sinusoidal", "rotary"]; // whose rows this page can compute

/**
 * Of trace.positions [N, D]: { kind (as in KINDS, or other), name, waves (whether a formula of waves made them), N, D, rows (how many are shown), at(position, column),
 * angle, formula(position, column), divisor, wavelength(column), most (largest number), error (of the formula against the
 * stored rows) }.
 */
export function positionTable(trace) {
  if (!trace.positions) return null;
  const { shape: [N, D], data } = read(trace.positions);
  if (!N || !D) return null;
  const name = trace.model.config.positions ?? "sinusoidal";
  const kind = KINDS.includes(name) ? name : "other";
  const known = WAVES.includes(kind);
  // Features come in pairs, sine and cosine of one angle side by side: 2i and 2i + 1.
  const rate = (column) => BASE ** (-(2 * Math.floor(column / 2)) / D);
  const angle = (position, column) => position * rate(column);
  const formula = (position, column) => (column % 2 ? Math.cos : Math.sin)(angle(position, column));
  const stored = (position, column) => data[position * D + column];
  return {
    kind, name, waves: known, N, D, angle, formula,
    rows: known ? Math.max(N, SHOWN) : N,
    at: (position, column) => (position < N || !known ? stored(position, column) : formula(position, column)),
    most: known ? 1 : reach(data),
    divisor: (column) => 1 / rate(column),
    wavelength: (column) => (2 * Math.PI) / rate(column),
    error: known ? worst(N, D, (r, c) => Math.abs(stored(r, c) - formula(r, c))) : null,
  };
}

function worst(rows, cols, value) {
  let most = 0;
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) most = Math.max(most, value(r, c));
  return most;
}

/** Dot products of all pairs of the first `count` positions, and for each distance the smallest and largest. */
export function alike(table, count) {
  const vectors = Array.from({ length: count }, (_, r) => Float64Array.from({ length: table.D }, (__, c) => table.at(r, c)));
  const products = vectors.map((a) => vectors.map((b) => dot(a, b)));
  const spans = Array.from({ length: count }, (_, apart) => {
    const found = [];
    for (let r = 0; r + apart < count; r++) found.push(products[r][r + apart]);
    return [Math.min(...found), Math.max(...found)];
  });
  return { products, spans };
}
