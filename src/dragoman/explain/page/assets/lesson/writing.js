/* Steps 1 and 2 of the lesson: the two boxes, and the loop that fills the lower right. Draws what the trace holds. */

import { h, word, percent } from "../drawing/dom.js";
import { told } from "../drawing/told.js";
import { standIn } from "../frame/standin.js";
import { boxes } from "./boxes.js";
import { lettered } from "./numbers.js";

const SHOWN = 3; // guesses beside the one that was chosen

function names(say) {
  return [say("lesson.encoder"), say("lesson.memory"), say("lesson.decoder")];
}

export function source(model) {
  return model.source.map((token) => word(lettered(token), "memory"));
}

export function twoBoxes(context) {
  const { say, trace, model } = context;
  const written = model.written("inference");
  const picture = boxes({
    names: names(say), read: source(model), written: [word(say("lesson.unknown"))],
    answer: written.map((token) => word(lettered(token), "said")),
  });
  return [
    h("p.lead", {}, say("lesson.boxes.ask")),
    h("p.question-line", {}, say("lesson.q1")),
    h("p.question-line", {}, say("lesson.q2")),
    picture,
    standIn(context),
    h("p.told", {}, told(say, "lesson.boxes.said", { source: h("bdi", {}, trace.source.text), s: model.source.length })),
    h("p.fine", {}, say("lesson.boxes.token")),
    model.aTag() && h("p.fine", {}, say("words.tag", { tag: model.aTag() })),
  ];
}

/** Frames of the loop: nothing yet, each step. The last says why it ends. */
export function loops({ model }) {
  return 1 + model.length("inference");
}

export function loop(context, frame, go) {
  const { say, trace, model } = context;
  const steps = trace.inference.steps;
  const step = steps[frame - 1];
  const fed = steps.slice(0, frame).map((one, i) => word(lettered(one.input), i === frame - 1 ? "fed" : ""));
  const picture = boxes({
    names: names(say), read: source(model), resting: frame > 0, written: frame === 0 ? [word(say("lesson.unknown"))] : fed,
    answer: step ? [word(lettered(step.chosen), "said"), guesses(step)] : null, under: [null, frame > 0 && say("lesson.fed")],
  });
  const last = loops(context) - 1;
  return [
    picture,
    h("p.told", {}, sentences(context, frame, last)),
    frame < last - 1 && h("button.lesson-skip", { type: "button", on: { click: () => go(last) } }, say("lesson.skip")),
  ];
}

function guesses(step) {
  const best = step.top.slice(0, SHOWN).map((guess) => h("li", {}, word(lettered(guess)), ` ${percent(guess.p)}`));
  return h("ol.best-guesses", {}, best);
}

function sentences({ say, trace, model }, frame, last) {
  const { steps, stop, encoder_passes: e } = trace.inference;
  if (frame === 0) return say("lesson.inference.start", { s: model.source.length });
  const step = steps[frame - 1];
  const values = { n: frame, count: frame, word: word(lettered(step.chosen), "said"), p: percent(step.chosen.p), before: word(lettered(step.input), "fed") };
  const said = [told(say, `lesson.inference.${frame === 1 ? "first" : "loop"}`, values)];
  const ranked = { word: word(lettered(step.chosen)), rank: step.chosen.rank };
  if (step.chosen.rank > 1) said.push(" ", told(say, "lesson.inference.rank", ranked));
  if (frame === last) said.push(" ", say(`lesson.inference.${stop.reason === "end" ? "end" : "limit"}`, { n: frame, e }));
  return said;
}
