/* Steps 3 to 6 of the lesson: one iteration, teacher forcing, the mask, the loss. Draws what the trace holds. */

import { h, word, table } from "../drawing/dom.js";
import { told } from "../drawing/told.js";
import { fixed } from "../drawing/written.js";
import { standIn } from "../frame/standin.js";
import { boxes } from "./boxes.js";
import { begins, iterationOf, lettered, lossOf, maskOf, rowsOf, slipOf } from "./numbers.js";
import { source } from "./writing.js";

const CARDS = ["forward", "loss", "gradient", "step"];

/** Whether there is anything to teach, and what is said where there is not. */
export function untaught({ say }) {
  return [h("p.missing", {}, say("lesson.training.none"))];
}

// -- 3: one iteration -------------------------------------------------------------------------------------------------

/** The pair, then the four parts, then what they are together. A trace without an iteration has forward and loss. */
export function iterationFrames({ trace }) {
  return iterationOf(trace) ? CARDS.length + 2 : 3;
}

export function iteration(context, frame) {
  const { say, trace, model } = context;
  const rows = rowsOf(trace);
  const { mean, n } = lossOf(trace);
  const values = { ...iterationOf(trace), n, loss: fixed(mean, 2) };
  const done = Math.min(frame, CARDS.length);
  const said = rows.map((row) => judged(row.prediction, row.label));
  const picture = boxes({
    names: [say("lesson.encoder"), say("lesson.memory"), say("lesson.decoder")], read: source(model),
    written: rows.map((row) => word(lettered(row.input), "fed")), under: [say("lesson.x"), say("lesson.y")],
    answer: frame > 0 ? [h("span.row-name", {}, "ŷ "), said, h("br"), h("span.row-name", {}, "y "), rows.map((row) => word(lettered(row.label)))] : null,
  });
  const parts = say("lesson.training.cards").split("|").slice(0, iterationOf(trace) ? 4 : 2);
  const shown = frame === 0 ? "pair" : frame > CARDS.length ? "iteration" : CARDS[frame - 1];
  return [
    standIn(context),
    picture,
    h("ol.round", {}, parts.map((name, i) => h(`li${i < done ? ".done" : ""}${i === frame - 1 ? ".now" : ""}`, {}, name))),
    h("p.told", {}, say(`lesson.training.${shown}`, values)),
  ];
}

function judged(said, label) {
  const kind = said.id === label.id ? "right" : begins(said, label) ? "alike" : "other";
  return word(lettered(said), kind);
}

// -- 4: teacher forcing -----------------------------------------------------------------------------------------------

/** The table; the word that is off; the row after it. */
export function forcingFrames({ trace }) {
  return slipOf(trace) ? 3 : 1;
}

export function forcing(context, frame) {
  const { say, trace } = context;
  const rows = rowsOf(trace);
  const slip = slipOf(trace);
  const at = slip ? rows[slip.t] : null;
  const same = rows.some((row) => begins(row.prediction, row.label));
  const notes = [trace.lesson?.spelled && say("lesson.forcing.spelled"), same && say("lesson.forcing.begins")];
  return [
    standIn(context),
    timeSteps(context, rows, slip, frame),
    frame === 0 && h("p.told", {}, say("lesson.forcing.table", { n: rows.length }), !slip && [" ", say("lesson.forcing.none")]),
    frame === 0 && notes.filter(Boolean).map((note) => h("p.fine", {}, note)),
    frame === 1 && h("p.told", {}, told(say, `lesson.forcing.${slip.supposed ? "suppose" : "slip"}`, {
      t: slip.t + 1, said: word(lettered(slip.said), "other"), label: lettered(at.label), loss: fixed(at.loss, 2),
    })),
    frame === 2 && h("p.told", {}, told(say, "lesson.forcing.kept", {
      t: slip.t + 2, fed: readUpTo(rows, slip.t + 1), said: word(lettered(slip.said), "other"),
      reference: say(context.model.standsIn ? "words.reference.own" : "words.reference"),
    })),
  ];
}

function readUpTo(rows, t) {
  return rows.slice(Math.max(0, t - 4), t + 1).map((row) => word(lettered(row.input), "fed"));
}

function timeSteps({ say, model }, rows, slip, frame) {
  const heads = say("lesson.forcing.heads").split("|");
  const made = rows.map((row, i) => {
    const read = rows.slice(0, i + 1).map((one) => word(lettered(one.input), "fed"));
    const supposed = slip?.supposed && frame > 0 && i === slip.t;
    const says = supposed ? word(lettered(slip.said), "other") : judged(row.prediction, row.label);
    const marks = slip && `${frame >= 1 && i === slip.t ? ".off" : ""}${frame === 2 && i === slip.t + 1 ? ".kept" : ""}`;
    return h(
      `tr${marks || ""}`,
      {},
      h("td", {}, String(i + 1)),
      i === 0 && h("td.whole-x", { rowspan: rows.length }, model.source.map((token) => h("div", {}, word(lettered(token), "memory")))),
      h("td.reads-cell", {}, read),
      h("td", {}, word(lettered(row.label))),
      h("td", {}, says),
      h("td.num", {}, fixed(row.loss, 2)),
    );
  });
  return table(heads, made, { class: "time-steps" });
}

// -- 5: the triangle is a mask ----------------------------------------------------------------------------------------

export function maskFrames({ trace }) {
  return trace.training?.causal_mask?.length ? 2 : 1;
}

export function triangle({ say, trace }, frame) {
  const rows = rowsOf(trace);
  const n = rows.length;
  if (maskFrames({ trace }) === 1) return [stairs(rows), h("p.told", {}, say("lesson.mask.triangle", { n }), " ", say("lesson.mask.none"))];
  if (frame === 0) return [stairs(rows), h("p.told", {}, say("lesson.mask.triangle", { n }))];
  const [once, may] = say("lesson.mask.heads").split("|");
  return [
    h("p.row-name", {}, once),
    h("p.one-row", {}, rows.map((row) => word(lettered(row.input), "fed"))),
    h("p.row-name", {}, may),
    grid(rows),
    h("p.told", {}, say("lesson.mask.row", { n, ...maskOf(n) })),
  ];
}

function stairs(rows) {
  const line = (_, i) => h("tr", {}, rows.slice(0, i + 1).map((row) => h("td", {}, word(lettered(row.input), "fed"))));
  return h("div.scroll", { tabindex: "0" }, h("table.stairs", {}, h("tbody", {}, rows.map(line))));
}

function grid(rows) {
  const line = (row, r) =>
    h("tr", {}, h("th", { scope: "row" }, word(lettered(row.input), "fed")), rows.map((_, c) => h(c <= r ? "td.open-cell" : "td.shut-cell", {}, c <= r ? "●" : "✕")));
  const head = h("tr", {}, h("td"), rows.map((row) => h("th", { scope: "col" }, lettered(row.input))));
  return h("div.scroll", { tabindex: "0" }, h("table.who-sees", {}, h("thead", {}, head), h("tbody", {}, rows.map(line))));
}

// -- 6: the loss of all steps -----------------------------------------------------------------------------------------

export function losses(context) {
  const { say, trace } = context;
  const rows = rowsOf(trace);
  const { sum, mean, n } = lossOf(trace);
  const most = Math.max(...rows.map((row) => row.loss), 1e-9);
  const line = (row) => [
    word(lettered(row.label)),
    h("span.cost-bar", { css: { "--share": String(row.loss / most) } }),
    h("span.cost-figure", {}, fixed(row.loss, 2)),
  ];
  return [
    standIn(context),
    h("div.cost-rows", {}, rows.map(line), h("span.total", {}, "Σ"), h("span"), h("b.cost-figure", {}, fixed(sum, 2))),
    h("p.told", {}, say("lesson.loss.said", { n, sum: fixed(sum, 2), mean: fixed(mean, 2) })),
  ];
}
