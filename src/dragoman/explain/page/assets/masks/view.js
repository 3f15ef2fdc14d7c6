/* The masks of this sentence: who may look at whom and why not, the same sentence in a padded batch, and what becomes
 * of the causal mask when inference has a cache. The rules stand in masks-rules.js. */

import { h, swap, choice, number, percent, word } from "../drawing/dom.js";
import { row, read } from "../trace/tensor.js";
import { matrix } from "../drawing/heat.js";
import { codeLine } from "../drawing/arithmetic.js";
import { hasHeads } from "../qkv/scene.js";
import { MASKS, MOST, PAD, ruleOf, hiddenCells } from "./rules.js";

export function masks(context) {
  const { store, say, model } = context;
  if (!hasHeads(context)) return h("p.lead", {}, say("qkv.none"));
  const state = { which: "causal", picture: null };
  const [tools, large, cache, batch] = [h("div"), h("div"), h("div"), h("div")];
  const draw = () => {
    swap(tools, choice(say("masks.which"), MASKS.map((name) => [name, say(`masks.${name}`)]), state.which, (which) => {
      state.which = which;
      draw();
    }));
    explorer(context, state, large);
  };
  context.watch(["mode"], draw);
  context.watch(["mode", "t"], () => {
    state.picture.mark({ row: state.timed && store.t >= 0 ? store.t : null });
    swap(cache, noFuture(context));
  });
  swap(batch, padded(context));
  return h(
    "div.masks",
    {},
    h("p.lead", {}, say("masks.lead")),
    tools,
    large,
    h("h3", {}, say("masks.cache.title")),
    cache,
    h("h3", {}, say("masks.batch")),
    batch,
    codeLine(context, "padding"),
    codeLine(context, "causal"),
  );
}

// -- the matrix ---------------------------------------------------------------------------------------------------------

function explorer(context, state, large) {
  const { store, say, palette, model, trace } = context;
  const rule = ruleOf(context, state.which);
  state.timed = state.which !== "encoder";
  const readout = h("p.readout", { "aria-live": "polite" }, say("masks.hint"));
  state.picture = matrix(palette, {
    rows: rule.rows,
    cols: rule.cols,
    value: (r) => (rule.realRow(r) ? 0.4 : 0.1),
    masked: (r, c) => Boolean(rule.why(r, c)),
    kind: "weight",
    most: 26, // no figures: a cell is open or shut
    width: Math.min(640, context.width()),
    label: say("masks.label", { name: say(`masks.${state.which}`) }),
    onPoint: (r, c) => r !== null && swap(readout, verdict(context, state.which, rule, r, c)),
    onPick: (r, c) => {
      if (state.timed && r < model.length(store.mode)) store.set({ t: r });
      swap(readout, verdict(context, state.which, rule, r, c));
    },
  });
  state.picture.mark({ row: state.timed && store.t >= 0 ? store.t : null });
  const values = { hidden: hiddenCells(rule), all: rule.rows.length * rule.cols.length, rows: rule.rows.length, cols: rule.cols.length };
  const guess = state.which === "causal" || state.which === "both";
  const gone = guess && trace.removed === "causal_mask";
  swap(
    large,
    h("p", {}, say(gone ? "masks.removed" : `masks.${state.which}.what`, { ...values, n: paddings(context) })),
    guess && !model.hasTraining && h("p.hint", {}, say("masks.notraining")),
    h("p.axes", {}, say("masks.axes")),
    h("div.scroll", {}, state.picture.element),
    readout,
    (rule.T > rule.rows.length || rule.S > rule.cols.length) && h("p.limit", {}, say("page.limit", { n: MOST, all: Math.max(rule.T, rule.S) })),
  );
}

/** Who may look at whom, in words. */
function verdict(context, which, rule, r, c) {
  const { say } = context;
  const why = rule.why(r, c);
  const [asks, answers] = [named(rule.rows[r], which !== "encoder"), named(rule.cols[c], which !== "encoder" && which !== "cross")];
  const unwritten = why === "future" && rule.unwritten;
  const open = r === c && which !== "cross" ? "self" : "open";
  const key = `masks.why.${unwritten ? "unwritten" : (why ?? open)}`;
  const label = why === "future" && c === r + 1 && !unwritten && rule.realRow(r);
  return [
    asks, " → ", answers, "  ", h("b", {}, say(why ? "masks.no" : "masks.yes")), " ", say(key, { r, c }),
    label && [" ", say("masks.why.label", { r })],
    !rule.realRow(r) && [" ", say("masks.why.padrow")],
  ];
}

function named(text, ofDecoder) {
  return text === PAD ? word(text) : word(text, ofDecoder ? "fed" : "memory");
}

function paddings({ trace, model }) {
  return trace.source.padded_to - model.source.length;
}

// -- no mask where there is no future --------------------------------------------------------------------------------------

function noFuture(context) {
  const { store, say, model, trace } = context;
  const { mode, t } = store;
  const fed = model.fed(mode).map((token) => token.piece);
  if (t < 0) return h("p.hint", {}, say("qkv.notyet"));
  const teaching = mode === "training" && model.hasTraining;
  const from = Math.max(0, Math.min(t - 12, fed.length - MOST));
  const keys = fed.slice(from, from + MOST).map((text, i) => {
    const c = from + i;
    if (c <= t) return word(text, c === t ? "fed.newest" : "fed");
    return teaching ? h("span.shut", { title: say("masks.no") }, word(text)) : null;
  });
  const step = trace.inference.steps[t];
  const cached = Boolean(step?.cache.after);
  const values = { t, n: t + 1, all: fed.length, before: step?.cache.before, after: step?.cache.after, later: fed.length - t - 1 };
  const key = teaching ? "masks.cache.training" : cached ? "masks.cache.inference" : "masks.cache.none";
  const left = from + MOST < fed.length && (teaching || from + MOST <= t);
  return [
    h("p.keys", {}, say("masks.cache.keys", values), from > 0 && " …", " ", keys, left && " …"),
    h("p", {}, say(key, values)),
    h("p", {}, say("masks.cache.why")),
  ];
}

// -- in a batch -----------------------------------------------------------------------------------------------------------

function padded(context) {
  const { say, model, trace, palette } = context;
  const { source, influence } = trace;
  const values = { n: source.tokens.length, to: source.padded_to, extra: paddings(context) };
  const strip = h("p.keys", {}, source.tokens.slice(0, MOST).map((token) => word(token.piece, "memory")),
    Array.from({ length: Math.max(0, values.extra) }, () => h("span.shut", {}, word(PAD))));
  const said = [h("p", {}, say("masks.batch.what", values)), strip, h("p", {}, say("masks.batch.cross", values)), proof(context)];
  if (!source.padded) return [said, h("p.limit", {}, say("masks.batch.gone"))];
  const { shape: [rows, cols], data } = read(source.padded);
  const names = model.written("inference").map((token) => token.piece).slice(0, rows);
  const columns = Array.from({ length: cols }, (_, c) => source.tokens[c]?.piece ?? PAD);
  const readout = h("p.readout", { "aria-live": "polite" }, " ");
  const hidden = (c) => !source.mask[c];
  const picture = matrix(palette, {
    rows: names,
    cols: columns,
    value: (r, c) => data[r * cols + c],
    masked: (_, c) => hidden(c),
    kind: "weight",
    width: Math.min(640, context.width()),
    label: say("masks.batch.label"),
    onPoint: (r, c) =>
      r !== null && swap(readout, word(names[r], "fed"), " → ", word(columns[c], hidden(c) ? "" : "memory"), "  ",
        h("b", {}, hidden(c) ? say("masks.batch.zero", { x: exact(data[r * cols + c]) }) : percent(data[r * cols + c]))),
  });
  const onPadding = largest(data, rows, cols, (_, c) => hidden(c));
  const found = { onPadding: exact(onPadding), apart: exact(apart(source.padded, influence?.attention)) };
  return [
    said,
    h("p", {}, say("masks.batch.looked")),
    h("div.scroll", {}, picture.element),
    readout,
    h("p", {}, say("masks.batch.found", found)),
  ];
}

/** A masked weight is not small: it is 0, and is written so. */
function exact(x) {
  return x === 0 ? "0" : number(x, 4);
}

function largest(data, rows, cols, keep) {
  let most = 0;
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) if (keep(r, c)) most = Math.max(most, Math.abs(data[r * cols + c]));
  return most;
}

/** The largest difference between the weights in the batch and those of the sentence alone. */
function apart(inBatch, alone) {
  if (!alone) return null;
  const rows = Math.min(inBatch.shape[0], alone.shape[0]);
  let most = 0;
  for (let r = 0; r < rows; r++) {
    const beside = row(inBatch, r);
    row(alone, r).forEach((x, c) => {
      most = Math.max(most, Math.abs(x - beside[c]));
    });
  }
  return most;
}

function proof(context) {
  const found = context.model.proof("pad_free");
  if (!found) return null;
  const values = { value: found.value.toExponential(1), limit: found.limit.toExponential(0) };
  return h(`p.measured.${found.passed ? "good" : "bad"}`, {}, context.say(found.passed ? "masks.proof" : "masks.proof.failed", values));
}
