/* A word of the reader's in the model's mouth: in training one row of the loss, in inference all that follows. Runs no
   model: it draws what the trace holds. */

import { h, swap, select, table, word, percent } from "../drawing/dom.js";
import { fixed } from "../drawing/written.js";
import { standIn } from "../frame/standin.js";
import { asking } from "../drawing/asking.js";
import { command } from "../break/result.js";

export function sayWord(context) {
  if (typeof context.options.fetchTried !== "function") return drawn(context);
  const { trace, say, store } = context;
  const place = h("div", { "aria-live": "polite" }, trace.said ? drawn(context) : [h("p.lead", {}, say("say.lead")), curve(context)]);
  const steps = trace.inference.steps.map((step) => [step.t, `${step.t} · ${step.chosen.piece}`]);
  let t = Math.max(0, Math.min(store.t, steps.length - 1));
  const pick = select(say("say.pick"), steps, t, (chosen) => {
    t = Number(chosen);
  });
  const field = h("input", { type: "text", maxlength: "40", "aria-label": say("say.word"), placeholder: say("say.word") });
  const wish = () => (field.value.trim() ? { say: `${t}=${field.value.trim()}` } : null);
  const form = asking(context, say("say.tab"), [pick, field], wish, (found) => {
    trace.said = found.said;
    swap(place, drawn(context));
  });
  return h("div", {}, form, place);
}

function drawn(context) {
  const { trace, say } = context;
  const { said } = trace;
  const lead = h("p.lead", {}, say("say.lead"));
  if (!said) return h("div.say-view", {}, lead, h("p.missing", {}, say("say.missing")), command(trace.source.text, " --reference '…' --say 1='…' -o page.html"), curve(context));
  return h(
    "div.say-view",
    {},
    lead,
    h("p", {}, h("b", {}, say("say.done", { t: said.t, word: said.word }))),
    h("h3", {}, say("clocks.training")),
    said.rows.length > 0 ? [standIn(context), training(context, said)] : h("p", {}, say("say.no-reference")),
    h("h3", {}, say("clocks.inference")),
    inference(context, said),
    h("p", {}, say("say.inference.text", { before: trace.inference.text, after: said.text })),
    curve(context),
  );
}

function training({ say }, { t, rows }) {
  const heads = say("say.training.heads").split("|");
  const made = rows.map((row) => {
    const here = row.t === t;
    const says = here ? [word(row.prediction.piece), " → ", word(row.after.piece, "other")] : word(row.prediction.piece);
    const cost = here ? `${fixed(row.loss, 2)} → ${fixed(row.loss_after, 2)}` : fixed(row.loss, 2);
    return line(here ? ".yours" : "", [String(row.t), word(row.input.piece), word(row.label.piece), says, cost]);
  });
  return [table(["t", ...heads], made, { class: "said-rows" }), h("p", {}, ofTheRows(say, t, rows))];
}

/** Which rows moved: that of the word, or none. */
function ofTheRows(say, t, rows) {
  if (t >= rows.length) return say("say.training.past", { n: rows.length, t });
  const row = rows[t];
  const key = Math.abs(row.loss - row.loss_after) > 1e-9 ? "moved" : "still";
  return say(`say.training.${key}`, {
    t, n: rows.length - t - 1, label: row.label.piece, best: row.prediction.piece, was: fixed(row.loss, 2), now: fixed(row.loss_after, 2),
  });
}

function inference({ say }, { t, steps }) {
  const heads = say("say.inference.heads").split("|");
  const made = steps.map((step) => {
    const other = step.was?.id !== step.chosen.id;
    const cells = [String(step.t), word(step.input.piece), step.was ? word(step.was.piece) : "–", word(step.chosen.piece, other ? "other" : ""), percent(step.p), step.forced ? say("say.yours") : ""];
    return line(step.forced ? ".yours" : other ? ".anew" : "", cells);
  });
  const anew = steps.filter((step) => !step.forced && step.t > t).length;
  return [table(["t", ...heads, "p", ""], made, { class: "said-steps" }), h("p", {}, say("say.inference.told", { t, count: anew, n: anew }))];
}

function line(kind, cells) {
  return h(`tr${kind}`, {}, cells.map((cell) => h("td", {}, cell)));
}

/** What words of its own cost on a corpus, where the model's card says it. */
function curve({ trace, say }) {
  const { curve: points = [], pairs } = trace.worth ?? {};
  if (points.length < 2) return null;
  const [own, p] = say("worth.curve.heads").split("|");
  const rows = points.map((one) => [String(one.own), fixed(one.p, 3), h("i", { css: { width: `${Math.round(160 * one.p)}px` } })]);
  const [first, last] = [points[0], points.at(-1)];
  const values = { pairs, rows: last.rows, n: last.own, first: fixed(first.p, 3), last: fixed(last.p, 3) };
  return [h("h3", {}, say("worth.curve")), table([own, p, ""], rows, { class: "own-curve" }), h("p", {}, say("worth.curve.told", values))];
}
