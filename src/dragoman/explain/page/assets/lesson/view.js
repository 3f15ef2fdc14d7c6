/* The path of a first visit: eight steps in the order of a lesson, one idea a screen, each step answering to a click. Draws
   no step itself. */

import { h, swap, button } from "../drawing/dom.js";
import { forks } from "./forks.js";
import { rowsOf } from "./numbers.js";
import { sheet } from "./sheet.js";
import { forcing, forcingFrames, iteration, iterationFrames, losses, maskFrames, triangle, untaught } from "./teaching.js";
import { loop, loops, twoBoxes } from "./writing.js";

const LONG = 16; // tokens of a side: more, and the picture is higher than a screen
const once = () => 1;
const taught = (frames) => (context) => (rowsOf(context.trace).length ? frames(context) : 1);
const shown = (make) => (context, frame) => (rowsOf(context.trace).length ? make(context, frame) : untaught(context));
const STEPS = [
  { id: "boxes", frames: once, make: twoBoxes },
  { id: "inference", frames: loops, make: loop },
  { id: "training", frames: taught(iterationFrames), make: shown(iteration) },
  { id: "forcing", frames: taught(forcingFrames), make: shown(forcing) },
  { id: "mask", frames: taught(maskFrames), make: shown(triangle) },
  { id: "loss", frames: once, make: shown(losses) },
  { id: "forks", frames: once, make: null },
  { id: "sheet", frames: once, make: sheet },
];

// By trace: where one was outlives the view, which is built anew in another language.
const MEMORY = new WeakMap();

export function lesson(context) {
  const { say, trace, open } = context;
  if (!MEMORY.has(trace)) MEMORY.set(trace, { step: 0, frame: 0, placed: [null, null, null] });
  const at = MEMORY.get(trace);
  const long = Math.max(context.model.source.length, context.model.length("inference"), rowsOf(trace).length) > LONG;
  const screen = h(long ? "div.lesson-screen.long" : "div.lesson-screen", { "aria-live": "polite" });
  const dots = STEPS.map(({ id }, i) => button(String(i + 1), () => go(i, 0), { class: "dot", "data-step": id, "aria-label": `${i + 1}: ${say(`lesson.name.${id}`)}` }));
  const count = h("span.lesson-count");
  const back = button(say("lesson.back"), () => turn(-1), { class: "lesson-back" });
  const on = button(say("lesson.on"), () => turn(1), { class: "primary lesson-on" });
  const others = button(say("lesson.others"), () => open("start"), { class: "lesson-others" });

  function go(step, frame) {
    Object.assign(at, { step, frame });
    draw();
  }

  function turn(sign) {
    const frame = at.frame + sign;
    const within = frame >= 0 && frame < STEPS[at.step].frames(context);
    if (within) return go(at.step, frame);
    const step = at.step + sign;
    if (step < 0 || step >= STEPS.length) return undefined;
    return go(step, sign > 0 ? 0 : STEPS[step].frames(context) - 1);
  }

  function draw() {
    const { id, make, frames } = STEPS[at.step];
    const content = make ? make(context, at.frame, (frame) => go(at.step, frame)) : forks(context, at.placed);
    swap(screen, h("h3", {}, say(`lesson.name.${id}`)), content);
    screen.dataset.step = id;
    dots.forEach((dot, i) => {
      if (i === at.step) dot.setAttribute("aria-current", "step");
      else dot.removeAttribute("aria-current");
      dot.classList.toggle("passed", i < at.step);
    });
    const all = frames(context);
    swap(count, say("lesson.progress", { n: at.step + 1, all: STEPS.length }), all > 1 && h("small", {}, ` · ${say("lesson.progress", { n: at.frame + 1, all })}`));
    back.disabled = at.step === 0 && at.frame === 0;
    const last = at.step === STEPS.length - 1;
    on.hidden = last;
    others.hidden = !last;
  }

  function press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !screen.checkVisibility()) return;
    if (event.target.closest?.("input, select, textarea, [contenteditable], [role=tab], .scroll")) return;
    if (event.key === "ArrowRight") turn(1);
    else if (event.key === "ArrowLeft") turn(-1);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", press);
  context.leave(() => document.removeEventListener("keydown", press));
  draw();
  return h(
    "div.lesson-walk",
    {},
    h("nav.lesson-progress", { "aria-label": say("lesson.steps") }, dots, count),
    screen,
    h("div.lesson-turn", {}, back, h("span.hint.lesson-keys", {}, say("lesson.keys")), on, others),
  );
}
