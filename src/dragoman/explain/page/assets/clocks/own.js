/* A word that is not the label, in training and in free running: what it does to the next input. Shows what the trace recorded with
   the reference's words fed and with the model's own; runs nothing. */

import { h, swap, choice, word, number, percent } from "../drawing/dom.js";
import { lanes } from "./strip.js";
import { told } from "../drawing/told.js";

const MOST = 64;

export function ownWords(context) {
  const { say } = context;
  const state = { fed: "reference" };
  const holder = h("div.own");
  const picked = h("div");
  const draw = () => {
    swap(picked, choice(say("clocks.own.choice"), ["reference", "own"].map((name) => [name, say(`clocks.own.${name}`)]), state.fed, (name) => {
      state.fed = name;
      draw();
      picked.querySelector("[aria-pressed=true]")?.focus();
    }));
    swap(holder, body(context, state));
    const differs = context.trace.training.free_running.first_difference;
    follow(state.fed === "own" && differs !== null ? differs : context.store.t);
  };
  const follow = (at = context.store.t) => state.strips.forEach((strip) => strip.show({ now: context.store.t, at }));
  draw();
  context.watch(["t"], () => follow());
  return h("section", {}, h("h3", {}, say("clocks.own.title")), h("p", {}, say("clocks.own.lead")), picked, holder);
}

function body(context, state) {
  const { say, trace } = context;
  const { free_running: free } = trace.training;
  const forced = forcedLanes(context, state.fed === "own");
  const own = state.fed === "own" ? ownLanes(context) : null;
  state.strips = own ? [forced, own] : [forced];
  const differs = free.first_difference;
  return [
    h("div.paired", {}, h("h4", {}, say("clocks.own.reference")), forced.element, h("p.fine", {}, say("clocks.own.forced"))),
    own && h("div.paired", {}, h("h4", {}, say("clocks.own.own")), own.element, h("p.fine", {}, say("clocks.own.free"))),
    own && h("p.own-told", {}, differs === null ? say("clocks.own.same") : consequence(context, differs)),
    free.tokens.length > MOST && h("p.limit", {}, say("page.limit", { n: MOST, all: free.tokens.length })),
  ];
}

function forcedLanes({ say, trace }, marked) {
  const steps = trace.training.steps.slice(0, MOST);
  const mark = marked ? trace.training.free_running.first_difference : null;
  return lanes({
    top: { title: say("clocks.own.fed"), words: steps.map((step) => [step.input.piece, "fed"]) },
    bottom: { title: say("clocks.own.says"), words: steps.map((step) => [step.prediction.piece, judged(step.prediction, step.label)]), mark },
    ties: "cut",
  });
}

function ownLanes({ say, trace }) {
  const { labels, free_running: free } = trace.training;
  const steps = free.steps.slice(0, MOST);
  const mark = free.first_difference;
  return lanes({
    top: { title: say("clocks.own.fed"), words: steps.map((step) => [step.input.piece, "fed"]), mark: mark === null ? null : mark + 1 },
    bottom: { title: say("clocks.own.says"), words: steps.map((step, t) => [step.prediction.piece, judged(step.prediction, labels[t])]), mark },
    ties: "next",
  });
}

function judged(said, label) {
  return label && said.id === label.id ? "right" : "other";
}

/** What the first word that was not the label did in either mode, with its numbers. */
function consequence({ say, trace }, t) {
  const { steps, free_running: free } = trace.training;
  const next = steps[t + 1];
  const values = { t, u: t + 1, loss: number(steps[t].loss, 2), label: word(steps[t].label.piece), own: word(free.steps[t].prediction.piece, "other") };
  if (!next) return told(say, "clocks.own.at-end", values);
  const later = steps.slice(t + 1, free.steps.length);
  if (later.length === 0) return told(say, "clocks.own.ends", { ...values, kept: word(next.input.piece, "fed") });
  const other = later.filter((step) => free.steps[step.t].prediction.id !== step.prediction.id).length;
  const fed = { kept: word(next.input.piece, "fed"), changed: word(free.steps[t].prediction.piece, "fed") };
  const parts = told(say, "clocks.own.told", { ...values, ...fed, n: later.length, k: other });
  const after = free.steps[t + 1]?.p_label;
  if (after === null || after === undefined) return parts;
  return [parts, " ", told(say, "clocks.own.gap", { u: t + 1, next: word(next.label.piece), a: percent(next.p_label), b: percent(after) })];
}
