/* Who may look at whom, and why not: the padding mask, the causal mask and both together, for one sentence. Reads what
 * the trace recorded; draws nothing. */

export const MASKS = ["encoder", "cross", "causal", "both"];
export const MOST = 64; // words a side
export const PAD = "<pad>";

/**
 * { rows, cols (words), T, S (how many there really are, with padding), why(r, c), realRow(r), unwritten }: why is null
 * where r may look at c, else "padding", "future" or "both". `both` imagines the target padded as much as the source.
 */
export function ruleOf(context, which) {
  const { model, store, trace } = context;
  const extra = Math.max(0, trace.source.padded_to - model.source.length);
  const source = model.source.map((token) => token.piece);
  const fed = model.fed(store.mode).map((token) => token.piece);
  const written = model.written(store.mode).map((token) => token.piece);
  const padded = (list) => [...list.slice(0, MOST - extra), ...Array.from({ length: extra }, () => PAD)];
  if (which === "encoder" || which === "cross") {
    const cols = padded(source);
    const real = cols.length - extra;
    const rows = which === "encoder" ? cols : written.slice(0, MOST);
    const realRows = which === "encoder" ? real : rows.length;
    const all = { T: which === "encoder" ? source.length + extra : written.length, S: source.length + extra };
    return { rows, cols, ...all, why: (_, c) => (c >= real ? "padding" : null), realRow: (r) => r < realRows };
  }
  const rows = which === "both" ? padded(fed) : fed.slice(0, MOST);
  const real = which === "both" ? rows.length - extra : rows.length;
  const later = future(context);
  const count = fed.length + (which === "both" ? extra : 0);
  // With a cache nothing hides the future: it does not exist yet.
  const unwritten = which === "causal" && store.mode === "inference" && model.attention("inference", "decoder_self", 0).mask === "none";
  const why = (r, c) => both(later(r, c), c >= real);
  return { rows, cols: rows, T: count, S: count, why, realRow: (r) => r < real, unwritten };
}

function both(later, padding) {
  if (later && padding) return "both";
  if (later) return "future";
  return padding ? "padding" : null;
}

/** The recorded mask where there is one; past its rim, the rule itself: a position sees no later one. */
function future(context) {
  const { model, store, trace } = context;
  const teaching = store.mode === "training" && model.hasTraining;
  const recorded = teaching ? trace.training.causal_mask : model.attention(store.mode, "decoder_self", 0).allowed;
  return (r, c) => {
    const seen = recorded?.[r]?.[c];
    return seen === undefined ? c > r : !seen;
  };
}

/** How many of the cells a mask hides. */
export function hiddenCells({ rows, cols, why }) {
  let count = 0;
  rows.forEach((_, r) => cols.forEach((__, c) => {
    if (why(r, c)) count += 1;
  }));
  return count;
}
