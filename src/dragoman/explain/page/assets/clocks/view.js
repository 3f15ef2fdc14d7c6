/* Question 1: training and inference as two clocks on one sentence, why they are the same function, and what a word
   that is not the label does in either. Puts the parts together and draws none of them. */

import { h, button, table } from "../drawing/dom.js";
import { trainingSide, inferenceSide, isCached } from "./sides.js";
import { ownWords } from "./own.js";
import { exact, sources } from "../drawing/written.js";
import { standIn } from "../frame/standin.js";

export function clocks(context) {
  const { store, say, model, trace } = context;
  const training = model.hasTraining ? trainingSide(context) : missing(context);
  const inference = inferenceSide(context);
  context.watch(["t", "mode"], () => {
    training.tick(store.t);
    inference.tick(store.t);
  });
  const both = () => store.set({ mode: "inference", t: -1, playing: true });
  return h(
    "div.clocks-view",
    {},
    h("p.lead", {}, say("clocks.lead")),
    h("div.clock-tools", {}, button(say("clocks.run"), both, { class: "primary" }), h("span.hint", {}, say("clocks.run.hint"))),
    h("div.clocks", {}, training.element, inference.element),
    standIn(context),
    always(context),
    notes(context),
    same(context),
    unmasked(context),
    model.hasTraining && ownWords(context),
    trace.training && h("p", {}, button(say("clocks.to-loss"), () => context.open("loss", { mode: "training" }))),
  );
}

/** In place of the training clock. */
function missing({ say }) {
  const element = h(
    "section.clock.training.missing",
    { "aria-label": say("clocks.training") },
    h("h3", {}, say("clocks.training")),
    h("p", {}, say("clocks.missing")),
    h("p", {}, h("code", {}, "dragoman explain \"…\" --reference \"…\" -o page.html")),
  );
  return { element, tick() {} };
}

/** What is so of every model and sentence. */
function always({ say }) {
  const rows = ["weights", "dropout", "iteration"].map((name) => say(`clocks.${name}`).split("|"));
  return table(["", say("clocks.training"), say("clocks.inference")], rows, { class: "both-modes" });
}

/** What the picture of the loop leaves out: the other hypotheses of the beam. */
function notes({ say, trace }) {
  const run = trace.inference;
  const beams = Math.max(...run.steps.map((step) => step.beams));
  const more = run.decoder_passes - run.steps.length;
  return [
    beams > 1 && h("p.fine", {}, say("clocks.beams", { beams })),
    more > 0 && h("p.fine", {}, say("clocks.rivals", { n: more, t: run.stop.t })),
  ];
}

function same(context) {
  const { say, model, trace } = context;
  const proof = model.proof("train_equals_infer");
  const measured = proof && { value: exact(proof.value, 2), limit: exact(proof.limit, 1), n: trace.inference.steps.length };
  return h(
    "section",
    {},
    h("h3", {}, say("clocks.same.title")),
    h("p", {}, say("clocks.same")),
    proof && h(`p.clock-proof.${proof.passed ? "holds" : "fails"}`, {}, say(proof.passed ? "clocks.same.holds" : "clocks.same.fails", measured)),
    sources(context, ["training", "step"].map((part) => [part, say(`clocks.code.${part}`)])),
  );
}

function unmasked(context) {
  const { say, model, trace, open } = context;
  const self = (mode) => model.pass(mode).decoder[0]?.self ?? null;
  if (!self("inference")) return null;
  const cached = isCached(trace.inference);
  const mask = trace.training?.causal_mask ?? [];
  const hidden = mask.reduce((sum, row) => sum + row.filter((seen) => !seen).length, 0);
  const values = { hidden, all: mask.length ** 2, train: say(`mask.${self("training").mask}`), infer: say(`mask.${self("inference").mask}`) };
  return h(
    "section",
    {},
    h("h3", {}, say("clocks.mask.title")),
    hidden > 0 && h("p", {}, say("clocks.mask.training", values)),
    h("p", {}, say(cached ? "clocks.mask.inference" : "clocks.mask.again", values)),
    h("p", {}, button(say("clocks.to-masks"), () => open("masks"))),
  );
}
