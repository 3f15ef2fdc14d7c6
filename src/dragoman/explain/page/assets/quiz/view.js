/* The quiz: questions made from this trace, with the reason at once and the view where it is seen. Knows no answer. */

import { h, swap, button, word } from "../drawing/dom.js";
import { told } from "../drawing/told.js";
import { questions } from "./questions.js";

// By trace: what was answered outlives the view, since each answer leads to another view and back.
const MEMORY = new WeakMap();

export function quiz(context) {
  const { say, trace, model } = context;
  if (!MEMORY.has(trace)) MEMORY.set(trace, { asked: questions(trace, model), given: new Map(), last: null });
  const memory = MEMORY.get(trace);
  const { asked } = memory;
  const list = h("ol.questions");
  const score = h("div.score", { role: "status" });
  const refresh = () => swap(score, result(context, memory, restart));
  const restart = () => {
    memory.given.clear();
    memory.last = null;
    draw();
    list.querySelector("button")?.focus();
  };
  const draw = () => {
    swap(list, asked.map((question, i) => item(context, memory, question, i, refresh)));
    refresh();
  };
  draw();
  // Coming back from the view that showed an answer, one goes on where one was.
  if (memory.last !== null) requestAnimationFrame(() => list.querySelector(`[data-question="${memory.last}"]`)?.scrollIntoView({ block: "center" }));
  return h(
    "div.quiz",
    {},
    h("p.lead", {}, asked.length ? say("quiz.lead", { n: asked.length }) : say("quiz.none")),
    !model.hasTraining && h("p.fine", {}, say("quiz.untaught")),
    list,
    score,
  );
}

function tell(say, { key, values, words }) {
  const made = Object.entries(words).map(([name, piece]) => [name, word(piece)]);
  return told(say, key, { ...values, ...Object.fromEntries(made) });
}

function item(context, memory, question, i, refresh) {
  const { say } = context;
  const id = `quiz-${question.id}`;
  const reason = h("div.reason", { "aria-live": "polite" });
  const options = h("div.options", { role: "group", "aria-labelledby": id });
  const buttons = question.options.map((option, n) =>
    h("button.option", { type: "button", "data-option": n, on: { click: () => answer(n) } }, tell(say, option)),
  );
  const show = () => {
    const given = memory.given.get(question.id);
    if (given === undefined) return;
    buttons.forEach((one, n) => {
      // Not disabled: that would take the focus from whoever answers with the keyboard.
      one.setAttribute("aria-disabled", "true");
      one.classList.toggle("right", n === question.right);
      one.classList.toggle("wrong", n === given && n !== question.right);
      if (n === given) one.setAttribute("aria-pressed", "true");
    });
    swap(reason, because(context, memory, question, given === question.right));
  };
  const answer = (n) => {
    if (memory.given.has(question.id)) return;
    memory.given.set(question.id, n);
    show();
    refresh();
  };
  swap(options, buttons);
  show();
  return h(
    "li.quiz-item",
    { "data-question": question.id },
    h("p.count", {}, say("quiz.number", { n: i + 1, all: memory.asked.length })),
    h("p.ask", { id }, tell(say, question.ask)),
    options,
    reason,
  );
}

function because(context, memory, question, right) {
  const { say } = context;
  const [view, change] = question.open;
  const go = () => {
    memory.last = question.id;
    context.open(view, change);
  };
  return [
    h(
      right ? "p.said-right" : "p.said-wrong",
      {},
      h("b", {}, say(right ? "quiz.right" : "quiz.wrong")),
      " ",
      !right && [told(say, "quiz.answer", { answer: tell(say, question.options[question.right]) }), " "],
      tell(say, question.why),
    ),
    button(say("quiz.see", { view: say(`${view}.tab`) }), go, { class: "see", "data-open": view }),
  ];
}

function result({ say }, { asked, given }, restart) {
  const right = asked.filter((question) => given.get(question.id) === question.right).length;
  if (given.size === 0) return null;
  const values = { n: given.size, all: asked.length, right };
  if (given.size < asked.length) return h("p.fine", {}, say("quiz.progress", values));
  return [
    h("p.points", {}, h("b", {}, say("quiz.score", values))),
    h("p", {}, say(right === asked.length ? "quiz.score.all" : "quiz.score.some")),
    button(say("quiz.again"), restart, { class: "primary again" }),
  ];
}
