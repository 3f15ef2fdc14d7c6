/* The two clocks: what training and what inference have done at step t, each with its dial, words, grid, cache and
   counters. Every number is the trace's; nothing is timed here. */

import { h, s, swap, word, number, percent } from "../drawing/dom.js";
import { lanes } from "./strip.js";
import { grid, dial } from "./grid.js";
import { told } from "../drawing/told.js";

const MOST = 64; // positions drawn of a side
const READ = 40; // source tokens written out

/** The frame of both: a title with its dial, then the parts, in the same order on both sides. */
function side(context, mode, ticks, parts) {
  const { say } = context;
  const clock = dial(ticks, say);
  const element = h(
    `section.clock.${mode}`,
    { "aria-label": say(`clocks.${mode}`) },
    h("div.face", {}, clock.element, h("div", {}, h("h3", {}, say(`clocks.${mode}`)), h("p", {}, say(`clocks.${mode}.who`)))),
    parts,
  );
  return { element, dial: clock };
}

/** The source, lit while the encoder ticks, kept afterwards. */
function encoder(context, again) {
  const { say, model } = context;
  const shown = model.source.slice(0, READ);
  const line = h("p.fine");
  const words = h(
    "div.scroll.reads",
    { tabindex: "0", role: "group", "aria-label": say("clocks.reads") },
    shown.map((token) => word(token.piece, "memory")),
    shown.length < model.source.length && h("span.limit", {}, say("page.limit", { n: shown.length, all: model.source.length })),
  );
  const element = h("div.encoder", {}, h("div.lane-title", {}, say("clocks.encoder")), words, line);
  return {
    element,
    show(t) {
      element.classList.toggle("lit", t < 0 || again);
      const key = again ? "again" : t < 0 ? "now" : "kept";
      swap(line, say(`clocks.encoder.${key}`, { n: model.source.length }));
    },
  };
}

function counters(say, keys) {
  const figures = keys.map(() => h("dd"));
  const element = h("dl.counters", {}, keys.map((key, i) => h("div", {}, h("dt", {}, say(`clocks.count.${key}`)), figures[i])));
  return {
    element,
    show(pairs) {
      pairs.forEach(([done, all], i) => swap(figures[i], h("b", {}, String(done)), done === all ? "" : ` / ${all}`));
    },
  };
}

function inner(context) {
  const wide = context.width();
  return (wide >= 660 ? (wide - 16) / 2 : wide) - 34;
}

// -- training -----------------------------------------------------------------------------------------------------

export function trainingSide(context) {
  const { trace, say, store } = context;
  const run = trace.training;
  const n = Math.min(MOST, run.steps.length);
  const words = trainingLanes(context, n);
  const table = trainingGrid(context, n);
  const read = encoder(context, false);
  const counts = counters(say, ["encoder", "decoder", "rows"]);
  const now = h("p.now");
  const made = side(context, "training", ticks(run.encoder_passes, run.decoder_passes), [
    read.element,
    h("div", {}, words.element, h("p.fine", {}, say(trace.removed === "shift" ? "clocks.unshifted" : "clocks.tied"))),
    h("div", {}, h("p.fine", {}, caption(run, say)), table.element, limit(say, n, run.steps.length)),
    h("div.cache", {}, h("div.lane-title", {}, say("clocks.cache")), h("p.fine", {}, say("clocks.cache.none"))),
    counts.element,
    now,
  ]);
  const [encoders, decoders, rows] = [run.encoder_passes, run.decoder_passes, run.steps.length];
  return {
    element: made.element,
    tick(t) {
      const begun = t >= 0;
      made.dial.show(begun ? encoders + decoders : encoders);
      made.element.classList.toggle("focus", store.mode === "training");
      read.show(t);
      words.show({ now: t });
      table.show(t, () => (begun ? "lit" : "wait"));
      counts.show([[encoders, encoders], [begun ? decoders : 0, decoders], [begun ? rows : 0, rows]]);
      swap(now, trainingSentence(context, t));
    },
  };
}

function trainingLanes({ trace, say }, n) {
  const run = trace.training;
  const list = (tokens, kind) => tokens.slice(0, n).map((token) => [token.piece, kind]);
  return lanes({
    top: { title: say("clocks.input"), words: list(run.input, "fed") },
    bottom: { title: say("clocks.labels"), words: list(run.labels, "") },
    ties: trace.removed === "shift" ? "same" : "next",
  });
}

function trainingGrid(context, n) {
  const { trace, say, store } = context;
  const run = trace.training;
  const mask = run.causal_mask;
  const most = Math.max(...run.steps.map((step) => step.loss), 1e-9);
  const steps = run.steps.slice(0, n);
  return grid({
    names: steps.map((step) => step.input.piece),
    ends: steps.map((step) => step.label.piece),
    // A recurrent decoder has no mask: of its rows only the own input is known to be read.
    allowed: (r, c) => (mask[r] ? Boolean(mask[r][c]) : r === c),
    masked: (r, c) => Boolean(mask[r]) && c < mask[r].length && !mask[r][c],
    bars: steps.map((step) => step.loss / most),
    figures: steps.map((step) => number(step.loss, 2)),
    width: inner(context),
    heads: [say("clocks.fed"), say("clocks.label"), say("clocks.loss")],
    label: say("clocks.grid.training", { n: run.steps.length }),
    onPick: (t) => store.set({ t, mode: "training", playing: false }),
  });
}

function caption(run, say) {
  const hidden = run.causal_mask.reduce((sum, row) => sum + row.filter((seen) => !seen).length, 0);
  if (run.causal_mask.length === 0) return say("clocks.grid.state");
  return say(hidden > 0 ? "clocks.grid.at-once" : "clocks.grid.open", { n: run.steps.length });
}

function trainingSentence({ trace, say, model }, t) {
  const { steps } = trace.training;
  if (t < 0) return say("clocks.now.encoder.training", { s: model.source.length, n: steps.length });
  const step = steps[t];
  if (!step) return say("clocks.now.over.training", { last: steps.length - 1 });
  const before = steps[t - 1];
  const fed = () => word(step.input.piece, "fed");
  const key = trace.removed === "shift" ? "unshifted" : t === 0 ? "first" : "later";
  const values = { t, u: t - 1, n: steps.length, p: percent(step.p_label), loss: number(step.loss, 2) };
  const said = told(say, `clocks.now.training.${key}`, { ...values, fed: fed(), label: word(step.label.piece) });
  const missed = before && before.prediction.id !== before.label.id && key === "later";
  if (!missed) return said;
  return [said, " ", told(say, "clocks.now.training.missed", { u: t - 1, fed: fed(), own: word(before.prediction.piece, "other") })];
}

// -- inference ----------------------------------------------------------------------------------------------------

export function inferenceSide(context) {
  const { trace, say, store } = context;
  const run = trace.inference;
  const last = run.steps.length - 1;
  const n = Math.min(MOST, run.steps.length);
  const cached = isCached(run);
  const words = inferenceLanes(context, n);
  const table = inferenceGrid(context, n);
  const read = encoder(context, !cached);
  const held = cacheBar(context);
  const counts = counters(say, ["encoder", "decoder", "rows"]);
  const now = h("p.now");
  const made = side(context, "inference", ticks(run.encoder_passes, run.decoder_passes), [
    read.element,
    h("div", {}, words.element, h("p.fine", {}, say("clocks.fed-back"))),
    h("div", {}, h("p.fine", {}, say(cached ? "clocks.grid.one" : unseen(run) ? "clocks.grid.again" : "clocks.grid.again-open")), table.element, limit(say, n, run.steps.length)),
    held.element,
    counts.element,
    now,
  ]);
  return {
    element: made.element,
    tick(at) {
      const t = Math.min(at, last);
      made.element.classList.toggle("focus", store.mode === "inference");
      made.dial.show(cached ? run.encoder_passes + t + 1 : 2 * (t + 1));
      read.show(t);
      words.show({ now: t, top: Math.max(1, t + 1), bottom: t + 1, ties: t + 1 });
      table.show(t, (r) => (r > t ? "wait" : r === t || !cached ? "lit" : "kept"));
      held.show(t);
      counts.show([[cached ? run.encoder_passes : t + 1, run.encoder_passes], [t + 1, run.decoder_passes], [rowsUntil(run, t), run.rows_computed]]);
      swap(now, inferenceSentence(context, at, last));
    },
  };
}

/** Without a cache the encoder runs again at each step, and each step computes all rows so far. */
export function isCached(run) {
  return run.steps.some((step) => step.cache.after > 0);
}

/** Whether the rows that are computed again are kept from seeing what was written after them. */
function unseen(run) {
  return run.pass.decoder[0]?.self?.mask !== "none";
}

function rowsUntil(run, t) {
  const cached = isCached(run);
  return run.steps.slice(0, t + 1).reduce((sum, step) => sum + step.beams * (cached ? 1 : step.t + 1), 0);
}

function ticks(encoders, decoders) {
  if (encoders === 1) return ["encoder", ...Array(decoders).fill("decoder")];
  return Array.from({ length: encoders + decoders }, (_, i) => (i % 2 ? "decoder" : "encoder"));
}

function inferenceLanes({ trace, say }, n) {
  const steps = trace.inference.steps.slice(0, n);
  return lanes({
    top: { title: say("clocks.input"), words: steps.map((step) => [step.input.piece, "fed"]) },
    bottom: { title: say("clocks.chosen"), words: steps.map((step) => [step.chosen.piece, "said"]) },
    ties: "next",
  });
}

function inferenceGrid(context, n) {
  const { trace, say, store } = context;
  const steps = trace.inference.steps.slice(0, n);
  return grid({
    names: steps.map((step) => step.input.piece),
    ends: steps.map((step) => step.chosen.piece),
    allowed: (r, c) => c <= r, // what comes later has not been written, whatever the mask
    masked: () => false,
    bars: steps.map((step) => step.chosen.p),
    figures: steps.map((step) => percent(step.chosen.p)),
    width: inner(context),
    heads: [say("clocks.fed"), say("clocks.chosen.short"), "p"],
    label: say("clocks.grid.inference", { n: trace.inference.steps.length }),
    secret: true,
    onPick: (t) => store.set({ t, mode: "inference", playing: false }),
  });
}

function inferenceSentence({ trace, say, model }, at, last) {
  const run = trace.inference;
  if (at < 0) return say("clocks.now.encoder.inference", { s: model.source.length });
  if (at > last) return say("clocks.now.over.inference", { last });
  const step = run.steps[at];
  const values = { t: at, u: at - 1, p: percent(step.chosen.p), rank: step.chosen.rank };
  const words = { fed: word(step.input.piece, "fed"), chosen: word(step.chosen.piece, "said") };
  const parts = [
    say(isCached(run) ? "clocks.now.one" : "clocks.now.all", values),
    " ",
    told(say, `clocks.now.inference.${step.from === "start" ? "first" : "later"}`, { ...values, ...words }),
  ];
  if (step.chosen.rank > 1 && run.beam.width > 1) parts.push(" ", say("clocks.now.ranked", values));
  if (at === last) parts.push(" ", h("b", {}, say(`clocks.now.${run.stop.reason}`)));
  return parts;
}

/** Keys and values held: the source's, there from the start, and one more for each word written. */
function cacheBar(context) {
  const { trace, say } = context;
  const { steps } = trace.inference;
  const most = steps[steps.length - 1].cache;
  const line = h("p.fine");
  if (most.after === 0) return { element: h("div.cache", {}, h("div.lane-title", {}, say("clocks.cache")), h("p.fine", {}, say("clocks.cache.removed"))), show() {} };
  const wide = inner(context);
  const step = Math.min(18, wide / (most.memory + most.after + 0.6));
  const gap = step > 6 ? 1.5 : 0;
  const cell = (kind, x) => s(`rect.${kind}`, { x, y: 1, width: Math.max(1, step - gap), height: 16, rx: 2 });
  const start = (most.memory + 0.6) * step;
  const slots = Array.from({ length: most.after }, (_, i) => cell("slot", start + i * step));
  const memory = Array.from({ length: most.memory }, (_, i) => cell("memory", i * step));
  const bar = s("svg.held", { width: start + most.after * step, height: 18, "aria-hidden": "true" }, memory, slots);
  return {
    element: h("div.cache", {}, h("div.lane-title", {}, say("clocks.cache")), h("div.scroll", {}, bar), line),
    show(t) {
      const held = t < 0 ? { before: 0, after: 0, memory: most.memory } : steps[t].cache;
      slots.forEach((slot, i) => slot.setAttribute("class", `slot ${i < held.before ? "kept" : i < held.after ? "lit" : ""}`));
      swap(line, say(t < 0 ? "clocks.cache.begun" : "clocks.cache.held", { source: held.memory, before: held.before, new: held.after - held.before }));
    },
  };
}

function limit(say, n, all) {
  return n < all && h("p.limit", {}, say("page.limit", { n, all }));
}
