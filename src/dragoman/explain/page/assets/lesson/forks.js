/* Step 7 of the lesson: Q, K and V are dragged onto the forks of the upper attention, and each is answered with this
   trace's shapes. By pointer, by a tap on a letter and one on a fork, or by keyboard. */

import { h, swap } from "../drawing/dom.js";
import { shapesOf } from "./numbers.js";

const LETTERS = ["Q", "K", "V"];
const FROM = ["memory", "memory", "decoder"]; // where each fork comes from, left to right, as in the paper's figure
const MOVED = 6; // px: less is a tap, not a drag

/** placed: what lies on each fork, kept by who calls; `done` is told when it changes. */
export function forks(context, placed, done = () => {}) {
  const shapes = shapesOf(context.model);
  if (!shapes) return [h("p.told", {}, context.say("lesson.forks.none"))];
  return [new Forks(context, placed, shapes, done).element];
}

/** Whether a letter belongs where it lies: both lines of the encoder bring the same, so K and V may change places. */
export function fits(letter, fork) {
  return (letter === "Q") === (FROM[fork] === "decoder");
}

class Forks {
  constructor({ say }, placed, shapes, done) {
    Object.assign(this, { say, placed, shapes, done, held: null });
    this.slots = FROM.map((from, i) => this.slot(from, i));
    this.tray = h("div.tray", { role: "group", "aria-label": say("lesson.forks.letters") });
    this.told = h("div.told", { "aria-live": "polite" });
    this.element = h(
      "div.forks-game",
      {},
      h("p.told", {}, say("lesson.forks.ask")),
      this.tray,
      h(
        "div.attention-figure",
        {},
        h("div.attention-box", {}, say("lesson.forks.attention")),
        this.slots,
        FROM.map((from) => h(`div.stem.from-${from}`, { "aria-hidden": "true" })),
        h("div.origin-box.from-memory", {}, say("lesson.forks.memory", { n: shapes.S })),
        h("div.origin-box.from-decoder", {}, say("lesson.forks.below", { n: shapes.T })),
      ),
      this.told,
      h("p.fine", {}, say("lesson.forks.mean")), // below the forks, which have to be on the screen of a phone
      h("p.fine", {}, say("lesson.forks.keys")),
    );
    this.draw();
  }

  slot(from, i) {
    const press = (event) => {
      const letter = event.key.toUpperCase();
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (LETTERS.includes(letter)) this.put(letter, i);
      else if (event.key === "Backspace" || event.key === "Delete") this.take(this.placed[i]);
      else return;
      event.preventDefault();
    };
    const click = () => (this.held ? this.put(this.held, i) : this.placed[i] && this.take(this.placed[i]));
    return h(`button.fork.from-${from}`, { type: "button", "data-fork-place": i, on: { click, keydown: press } });
  }

  chip(letter) {
    const one = h("button.letter", { type: "button", "data-letter": letter, "aria-pressed": String(this.held === letter) }, letter);
    let began = null;
    const place = (x, y) => one.style.setProperty("transform", x === null ? "none" : `translate(${x}px, ${y}px)`);
    one.addEventListener("pointerdown", (event) => {
      began = { x: event.clientX, y: event.clientY, moved: false };
      one.setPointerCapture(event.pointerId);
    });
    one.addEventListener("pointermove", (event) => {
      if (!began) return;
      const [x, y] = [event.clientX - began.x, event.clientY - began.y];
      began.moved ||= Math.hypot(x, y) > MOVED;
      if (began.moved) place(x, y);
    });
    one.addEventListener("pointerup", (event) => {
      const { moved } = began ?? {};
      began = null;
      place(null);
      if (!moved) return;
      this.dragged = true; // the click that follows is the end of the drag
      const fork = this.under(event.clientX, event.clientY);
      if (fork >= 0) this.put(letter, fork);
    });
    one.addEventListener("pointercancel", () => {
      began = null;
      place(null);
    });
    one.addEventListener("click", () => {
      if (this.dragged) return void (this.dragged = false);
      this.held = this.held === letter ? null : letter;
      this.draw(letter);
    });
    return one;
  }

  /** The fork at a place of the window, with some px around it for a thumb; -1 where there is none. */
  under(x, y) {
    return this.slots.findIndex((one) => {
      const { left, right, top, bottom } = one.getBoundingClientRect();
      return x > left - 12 && x < right + 12 && y > top - 16 && y < bottom + 40;
    });
  }

  put(letter, fork) {
    this.take(letter, false);
    this.placed[fork] = letter;
    this.held = null;
    this.draw();
    swap(this.told, this.answer(letter, fork), this.whole() && h("p", {}, h("b", {}, this.say("lesson.forks.done"))));
    this.slots[fork].focus({ preventScroll: true });
    this.done();
  }

  take(letter, draw = true) {
    const at = this.placed.indexOf(letter);
    if (at >= 0) this.placed[at] = null;
    if (draw) {
      this.draw();
      swap(this.told);
      this.done();
    }
  }

  whole() {
    return this.placed.every((letter, i) => letter && fits(letter, i));
  }

  answer(letter, fork) {
    const { say, shapes } = this;
    const right = fits(letter, fork);
    const name = `lesson.forks.${letter.toLowerCase()}.${right ? "right" : "wrong"}`;
    const same = !right && letter !== "K" && shapes.T === shapes.S ? ".same" : "";
    const verdict = say(`lesson.forks.${right ? "right" : "wrong"}`);
    return h(right ? "p.fits" : "p.misfits", {}, h("b", {}, verdict), " ", say(`${name}${same}`, shapes));
  }

  draw(focused = null) {
    const { say, placed } = this;
    swap(this.tray, LETTERS.filter((letter) => !placed.includes(letter)).map((letter) => this.chip(letter)));
    this.slots.forEach((one, i) => {
      const letter = placed[i];
      const named = say("lesson.forks.fork", { n: i + 1, side: say(`lesson.${FROM[i] === "memory" ? "encoder" : "decoder"}`) });
      swap(one, letter ?? "?");
      one.setAttribute("aria-label", `${named}: ${letter ?? say("lesson.forks.empty")}`);
      one.classList.toggle("fits", Boolean(letter) && fits(letter, i));
      one.classList.toggle("misfits", Boolean(letter) && !fits(letter, i));
    });
    if (focused) this.tray.querySelector(`[data-letter=${focused}]`)?.focus();
  }
}
