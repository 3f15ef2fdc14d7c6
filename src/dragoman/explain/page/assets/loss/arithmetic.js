/* From the logits of one step to its loss, with the real numbers: the ten most probable tokens as bars, and in the
   drawer the softmax, −ln p and the label-smoothed target. Decides nothing, sums nothing over steps. */

import { h, button, table, word, percent } from "../drawing/dom.js";
import { exact, fixed, sources } from "../drawing/written.js";
import { told } from "../drawing/told.js";

const BAR = 180; // px of a certain token

/** What there is to know of step t: the step, its token (label or choice), the stored logits, and its mode. */
function at(context, t) {
  const { model, store, trace } = context;
  const training = model.hasTraining && store.mode === "training";
  const run = training ? trace.training : trace.inference;
  const step = run.steps[t];
  if (!step) return null;
  const goal = training ? { ...step.label, p: step.p_label, rank: step.rank } : step.chosen;
  return { training, step, goal, logits: run.pass.logits?.[t] ?? null };
}

/** A logit that is not among the ten kept follows from p: softmax is exp(logit − logsumexp). */
function logitOf(logits, goal) {
  const kept = logits.top.find((guess) => guess.id === goal.id);
  return kept ? { logit: kept.logit, p: kept.p, kept: true } : { logit: Math.log(goal.p) + logits.logsumexp, p: goal.p, kept: false };
}

export function topTen(context) {
  const { say, store } = context;
  const title = (t) => h("h3", {}, say("loss.top.title", { t }));
  if (store.t < 0) return [title(0), h("p", {}, say("loss.top.none"))];
  const found = at(context, store.t);
  if (!found) return [];
  const { step, goal, logits, training } = found;
  const among = step.top.some((guess) => guess.id === goal.id);
  const list = among ? step.top : [...step.top, { id: goal.id, piece: goal.piece, p: goal.p }];
  const rows = list.map((guess, i) => guessRow(context, found, guess, i < step.top.length ? i + 1 : goal.rank));
  const head = ["#", say("loss.top.token"), "p", "", logits ? say("loss.top.logit") : ""];
  return [
    title(store.t),
    table(head, rows, { class: "guesses" }),
    logits ? softmaxLine(context, found) : h("p.limit", {}, say("loss.top.cut")),
    !training && h("p.fine", {}, say("loss.top.barred")),
    h("p", {}, button(say("loss.open"), () => openStep(context, store.t))),
  ];
}

function guessRow({ say }, { goal, logits, training }, guess, rank) {
  const here = guess.id === goal.id;
  const logit = logits && (here ? logitOf(logits, goal).logit : logits.top.find((one) => one.id === guess.id)?.logit);
  return h(
    `tr${here ? ".here" : ""}`,
    {},
    h("td.num", {}, String(rank)),
    h("td", {}, word(guess.piece, here ? "said" : ""), here && h("span.tag-label", {}, say(training ? "loss.top.label" : "loss.top.chosen"))),
    h("td.num", {}, percent(guess.p)),
    h("td", {}, h("i.share", { css: { width: `${Math.max(1, guess.p * BAR)}px` } })),
    h("td.num", {}, logits && logit !== undefined ? fixed(logit, 3) : ""),
  );
}

function softmaxLine({ say, trace }, { goal, logits }) {
  const { logit, p } = logitOf(logits, goal);
  const values = { v: trace.model.vocabulary, logit: fixed(logit, 3), p: exact(p) };
  const lse = fixed(logits.logsumexp, 3);
  return h("p", {}, told(say, "loss.top.sum", { ...values, lse, word: word(goal.piece, "said") }));
}

/** Opens the drawer on step t of the mode that is shown. */
export function openStep(context, t) {
  const { say } = context;
  const found = at(context, t);
  if (!found) return;
  const { training, goal } = found;
  context.drawer(
    h("h3", {}, say(training ? "loss.sum.title" : "loss.sum.chosen", { t })),
    h("p", {}, training ? say("loss.sum.label") : `${say("loss.chosen")}:`, " ", word(goal.piece, "said"), " ", say("loss.top.rank", { rank: goal.rank })),
    h("ol.steps", {}, softmaxSteps(context, found), lossStep(context, found)),
    sources(context, [["logits", "logit"], ...(training ? [["loss", "−ln p"]] : [])]),
    training && smoothing(context, found),
    !training && h("p.fine", {}, say("loss.top.barred")),
  );
}

function softmaxSteps({ say, trace }, { goal, logits }) {
  if (!logits) return h("li", {}, say("loss.top.cut"));
  const { logit, p, kept } = logitOf(logits, goal);
  const [z, lse] = [fixed(logit, 3), fixed(logits.logsumexp, 3)];
  return [
    h("li", {}, formula(`logit = ${z}`), !kept && h("span.fine", {}, ` (${say("loss.sum.derived")})`)),
    h("li", {}, say("loss.sum.lse", { v: trace.model.vocabulary }), formula(` = ${lse}`)),
    h("li", {}, formula(`p = exp(${z} − ${lse}) = `, h("b", {}, exact(p, 4)))),
  ];
}

function lossStep({ say }, { training, step, goal }) {
  const p = exact(goal.p, 4);
  const value = training ? step.loss : -Math.log(goal.p);
  return h("li", {}, formula(`−ln ${p} = `, h("b", {}, fixed(-Math.log(goal.p), 4))), training && ` · ${say("loss.sum.stored")} ${fixed(value, 4)}`);
}

/** The target of label smoothing, and the cross-entropy to it: (1 − ε)(−ln p) + ε · mean of −ln p over all tokens. */
function smoothing(context, { step }) {
  const { say, trace } = context;
  const e = trace.training.loss.label_smoothing;
  const v = trace.model.vocabulary;
  if (!e) return h("p", {}, say("loss.sum.plain"));
  const [on, off] = [1 - e + e / v, e / v];
  const spread = (step.smoothed_loss - (1 - e) * step.loss) / e;
  const least = -on * Math.log(on) - (v - 1) * off * Math.log(off);
  const kept = fixed(1 - e, 2);
  return h(
    "div",
    {},
    h("h4", {}, say("loss.sum.smooth", { e })),
    h("p", {}, say("loss.sum.target", { v })),
    h(
      "ol.steps",
      {},
      h("li", {}, say("loss.sum.on-label"), " ", formula(`1 − ε + ε/V = ${kept} + ${e}/${v} = `, h("b", {}, exact(on, 6)))),
      h("li", {}, say("loss.sum.elsewhere"), " ", formula(`ε/V = ${e}/${v} = `, h("b", {}, exact(off)))),
      h("li", {}, say("loss.sum.spread", { v }), formula(` = ${fixed(spread, 3)}`)),
      h("li", {}, say("loss.sum.smoothed"), ": ", formula(`${kept} × ${fixed(step.loss, 3)} + ${e} × ${fixed(spread, 3)} = `, h("b", {}, fixed(step.smoothed_loss, 4)))),
      h("li", {}, say("loss.sum.least", { least: fixed(least, 3) })),
    ),
    sources(context, [["smoothing", say("loss.sum.smoothed")]]),
  );
}

function formula(...parts) {
  return h("span.formula", {}, parts);
}
