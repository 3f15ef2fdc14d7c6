/* The last step of the lesson: one page with both answers in the numbers of this trace, made to be printed. */

import { h, button } from "../drawing/dom.js";
import { fixed } from "../drawing/written.js";
import { standIn } from "../frame/standin.js";
import { lettered, lossOf, maskOf, rowsOf, shapesOf, slipOf } from "./numbers.js";

const MOST = 12; // words of a sentence in one cell

export function sheet(context) {
  const { say, trace } = context;
  return [
    h("p.for-screens", {}, button(say("lesson.sheet.print"), () => window.print(), { class: "primary print-it" })),
    h(
      "section.answers-sheet",
      {},
      h("p.pair-line", {}, h("bdi", {}, trace.source.text), " → ", h("bdi", {}, trace.inference.text)),
      h("h3", {}, say("lesson.q1")),
      rowsOf(trace).length ? [standIn(context), differences(context)] : h("p", {}, say("lesson.training.none")),
      h("h3", {}, say("lesson.q2")),
      origins(context),
    ),
  ];
}

function differences(context) {
  const [corner, training, inference] = context.say("terminal.clocks.heads").split("|");
  const line = ([what, one, other]) =>
    h("tr", {}, h("th", { scope: "row" }, what), h("td", { "data-side": training }, one), h("td", { "data-side": inference }, other));
  return h(
    "table.both-answers",
    {},
    h("thead", {}, h("tr", {}, [corner, training, inference].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rowsToTell(context).map(line)),
  );
}

function rowsToTell({ say, trace, model }) {
  const rows = rowsOf(trace);
  const run = trace.inference;
  const { mean, n } = lossOf(trace);
  const slip = slipOf(trace);
  const m = run.steps.length;
  const end = say(`lesson.sheet.${run.stop.reason === "end" ? "end" : "limit"}`, { n: m });
  const told = (name, values) => say(`lesson.sheet.${name}`, values).split("|");
  return [
    told("encoder", { train: trace.training.encoder_passes, infer: run.encoder_passes }),
    told("decoder", { n, m }),
    inOrder(say("lesson.sheet.input"), { fed: words(rows.map((row) => row.input)), own: words(run.steps.map((step) => step.input)), reference: say(model.standsIn ? "words.reference.own" : "words.reference") }),
    slip && inOrder(say("lesson.sheet.slip"), { t: slip.t + 1, u: slip.t + 2, said: lettered(slip.said), label: lettered(rows[slip.t].label), kept: words(rows.slice(0, slip.t + 2).map((row) => row.input)) }),
    told("compared", { mean: fixed(mean, 2) }),
    trace.training.causal_mask.length > 0 && told("future", maskOf(n)),
    told("ends", { end }),
    ...["weights", "dropout", "iteration"].map((name) => say(`clocks.${name}`).split("|")),
  ].filter(Boolean);
}

/** The parts of a sentence filled one by one: a word of the trace may hold a bar itself. */
function inOrder(sentence, values) {
  return sentence.split("|").map((part) => part.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)));
}

function words(tokens) {
  const shown = tokens.slice(-MOST).map(lettered).join(" ");
  return tokens.length > MOST ? `… ${shown}` : shown;
}

function origins({ say, model }) {
  const shapes = shapesOf(model);
  if (!shapes) return h("p", {}, say("lesson.forks.none"));
  const lines = [["K", "memory"], ["V", "memory"], ["Q", "decoder"]];
  return [
    h("ul.origins", {}, lines.map(([letter, from]) => h("li", {}, h(`b.named.from-${from}`, {}, letter), " ", say(`lesson.sheet.${letter.toLowerCase()}`, shapes)))),
    h("p", {}, say("lesson.sheet.why", shapes)),
    h("p.fine", {}, say("lesson.sheet.where", shapes)),
  ];
}
