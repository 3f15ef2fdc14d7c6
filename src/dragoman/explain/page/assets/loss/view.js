/* The table of time steps: in training what was fed, what had to be said and what that cost; in inference what was
   chosen. The sums of the table, and the ten most probable tokens of the step at hand. */

import { h, swap, button, table, word, percent } from "../drawing/dom.js";
import { fixed } from "../drawing/written.js";
import { openStep, topTen } from "./arithmetic.js";
import { standIn } from "../frame/standin.js";

const MOST = 64; // rows
const TAIL = 5; // words of the decoder input written out in a row
const BAR = 60; // px
const NARROW = 560; // px: below, the source stands above the table instead of in it

export function loss(context) {
  const { store, say, model } = context;
  const lead = h("div");
  const holder = h("div");
  const sums = h("div");
  const top = h("section.top-ten");
  const state = { rows: [], scroller: null };
  context.watch(["mode"], () => {
    const run = model.hasTraining && store.mode === "training" ? "training" : "inference";
    swap(lead, h("p.lead", {}, say(`loss.lead.${run}`)), run === "training" && standIn(context), run === "inference" && towards(context));
    swap(holder, steps(context, run, state));
    swap(sums, run === "training" ? trainingSums(context) : inferenceSums(context));
  });
  context.watch(["mode", "t"], () => {
    follow(context, state);
    swap(top, topTen(context));
  });
  return h("div.loss-view", {}, lead, h("p.hint", {}, say("loss.hint")), holder, top, sums);
}

/** From the table without labels to the one with them. */
function towards({ say, store, model }) {
  if (model.hasTraining) return h("p", {}, button(say("loss.to-training"), () => store.set({ mode: "training" })));
  return h("p.missing", {}, say("loss.missing"), " ", h("code", {}, "dragoman explain \"…\" --reference \"…\" -o page.html"));
}

function steps(context, run, state) {
  const { trace, say, model } = context;
  const all = trace[run].steps;
  const shown = all.slice(0, MOST);
  const narrow = context.width() < NARROW;
  const most = Math.max(...all.map((step) => cost(step)), 1e-9);
  const cells = run === "training" ? trainingCells : inferenceCells;
  state.rows = shown.map((step, t) => line(context, step, t, [
    t === 0 && !narrow && source(context, shown.length),
    h("td.so-far", {}, inputs(shown, t, narrow ? 1 : TAIL)),
    cells(context, step, most),
  ]));
  const names = {
    training: ["t", "source", "input", "label", "prediction", "p", "rank", "loss", "smoothed"],
    inference: ["t", "source", "input", "from", "chosen", "p.chosen", "rank", "surprise"],
  }[run].filter((name) => name !== "source" || !narrow);
  const made = table(names.map((name) => say(`loss.${name}`)), state.rows, { class: "steps-table", "aria-label": say("loss.table") });
  made.classList.add("bounded");
  state.scroller = made;
  const read = narrow && h("p.fine.read", {}, say("loss.source"), " ", model.source.map((token) => [word(token.piece, "memory"), " "]));
  return [read, made, all.length > shown.length && h("p.limit", {}, say("page.limit", { n: shown.length, all: all.length }))];
}

/** −ln p of what had to be said, or was said. */
export function cost(step) {
  return step.label ? step.loss : -Math.log(step.chosen.p);
}

function line(context, step, t, cells) {
  const { store } = context;
  const open = () => {
    store.set({ t, playing: false });
    openStep(context, t);
  };
  const key = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open();
  };
  return h("tr.loss-step", { tabindex: "0", "data-t": t, on: { click: open, keydown: key } }, h("td.num", {}, String(t)), cells);
}

/** One cell for all rows: the encoder reads the same sentence whatever the step. */
function source({ model }, rows) {
  const most = Math.max(12, rows * 3);
  const shown = model.source.slice(0, most);
  return h(
    "td.whole",
    { rowspan: rows },
    h("div", {}, shown.map((token) => [word(token.piece, "memory"), " "]), shown.length < model.source.length && "…"),
  );
}

function inputs(all, t, tail) {
  const from = Math.max(0, t + 1 - tail);
  const words = all.slice(from, t + 1).map((step, i) => [word(step.input.piece, from + i === t ? "fed" : ""), " "]);
  return [from > 0 && "… ", words];
}

function bar(value, most) {
  const wide = Math.max(1, (value / most) * BAR);
  return h("div.loss-bar", {}, h("i", { css: { width: `${wide}px` } }), h("span", {}, fixed(value, 2)));
}

function trainingCells(context, step, most) {
  const right = step.prediction.id === step.label.id;
  return [
    h("td", {}, word(step.label.piece)),
    h("td", {}, word(step.prediction.piece, right ? "right" : "other"), h("span.says", {}, ` ${percent(step.prediction.p)}`)),
    h("td.num", {}, percent(step.p_label)),
    h("td.num", {}, String(step.rank)),
    h("td", {}, bar(step.loss, most)),
    h("td.num", {}, fixed(step.smoothed_loss, 2)),
  ];
}

function inferenceCells({ say }, step, most) {
  return [
    h("td", {}, say(`loss.from.${step.from}`)),
    h("td", {}, word(step.chosen.piece, "said")),
    h("td.num", {}, percent(step.chosen.p)),
    h("td.num", {}, String(step.chosen.rank)),
    h("td", {}, bar(cost(step), most)),
  ];
}

function follow({ store }, { rows, scroller }) {
  rows.forEach((row, t) => {
    row.classList.toggle("now", t === store.t);
    if (t === store.t) row.setAttribute("aria-current", "step");
    else row.removeAttribute("aria-current");
  });
  const row = rows[store.t];
  if (!row) return;
  // After layout, and inside the table only: scrollIntoView would move the page as well.
  requestAnimationFrame(() => {
    const [above, below] = [row.offsetTop - 40, row.offsetTop + row.offsetHeight];
    if (above < scroller.scrollTop) scroller.scrollTop = above;
    else if (below > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = below - scroller.clientHeight + 8;
  });
}

function figures(pairs) {
  return h("dl.counters.sums", {}, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, h("b", {}, value)))));
}

function trainingSums({ say, trace }) {
  const { sum, mean, smoothed_mean: smoothed, tokens } = trace.training.loss;
  const values = { mean: fixed(mean, 2), ppl: fixed(Math.exp(mean), 2), v: trace.model.vocabulary, even: fixed(Math.log(trace.model.vocabulary), 2) };
  return [
    figures([
      [say("loss.sum", { n: tokens }), fixed(sum, 2)],
      [say("loss.mean"), fixed(mean, 3)],
      [say("loss.perplexity"), values.ppl],
      [say("loss.smoothed.mean"), fixed(smoothed, 3)],
    ]),
    h("p", {}, say("loss.said", values)),
    h("p.classes", {}, say("loss.class", { v: values.v, n: tokens })),
    tasks(say, values.v),
  ];
}

function tasks(say, v) {
  const rows = ["write", "fill", "follow", "label", "find"].map((name) => say(`loss.tasks.${name}`, { v }).split("|"));
  return h("section.tasks", {}, h("h3", {}, say("loss.tasks")), table(say("loss.tasks.heads").split("|"), rows), h("p", {}, say("loss.tasks.answer")));
}

function inferenceSums({ say, trace }) {
  const { steps: all, options } = trace.inference;
  const a = options.length_penalty;
  const sum = all.reduce((total, step) => total + cost(step), 0);
  return [
    figures([
      [say("loss.logp"), fixed(-sum, 2)],
      [say("loss.logp.mean"), fixed(sum / all.length, 3)],
    ]),
    a !== undefined && h("p", {}, say("loss.logp.said", { n: all.length, sum: fixed(-sum, 2), a, score: fixed(-sum / all.length ** a, 3) })),
  ];
}
