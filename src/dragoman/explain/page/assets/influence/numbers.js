/* Two measures of influence compared, and the layer from which a word stands: ranks and counts. Draws nothing. */

import { read } from "../trace/tensor.js";

/** A [T, S] tensor as rows; none where it was not recorded. */
export function rowsOf(tensor) {
  if (!tensor) return [];
  const { shape, data } = read(tensor);
  return Array.from({ length: shape[0] }, (_, r) => data.subarray(r * shape[1], (r + 1) * shape[1]));
}

/** From 1, the largest first; equal values share the mean of their ranks. */
export function ranks(row) {
  const order = Array.from(row, (value, i) => [value, i]).sort((a, b) => b[0] - a[0]);
  const made = new Array(row.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && order[to + 1][0] === order[from][0]) to++;
    for (let n = from; n <= to; n++) made[order[n][1]] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return made;
}

/** Spearman's rank correlation; null where a row is flat. */
export function spearman(a, b) {
  const [left, right] = [ranks(a), ranks(b)];
  const middle = (left.length + 1) / 2;
  let [both, one, other] = [0, 0, 0];
  left.forEach((x, i) => {
    both += (x - middle) * (right[i] - middle);
    one += (x - middle) ** 2;
    other += (right[i] - middle) ** 2;
  });
  return one && other ? both / Math.sqrt(one * other) : null;
}

export function top(row) {
  return row.reduce((best, value, i) => (value > row[best] ? i : best), 0);
}

/** The first layer (from 0) from which on the top word at t stays the same to the end. */
export function settled(lens, t) {
  const last = lens[lens.length - 1][t].id;
  let layer = lens.length - 1;
  while (layer > 0 && lens[layer - 1][t].id === last) layer--;
  return layer;
}
