/* The two texts, word by word: what belongs together lights up, and a click asks for other words. Fetches nothing. */

import { links, sentenceAt, words } from "./words.js";

/** Writes a text into an element as words (each a <span> made by `make`) and what stands between them. */
function spell(element, text, list, make) {
  const parts = [];
  let at = 0;
  for (const word of list) {
    if (word.start > at) parts.push(text.slice(at, word.start));
    const span = make(word);
    span.textContent = text.slice(word.start, word.end);
    parts.push(span);
    at = word.end;
  }
  if (at < text.length) parts.push(text.slice(at));
  element.replaceChildren(...parts);
}

export class Panes {
  /** `ask(word, element)` is called for a word that was clicked. */
  constructor({ field, mirror, output, ask }) {
    Object.assign(this, { field, mirror, output, ask });
    this.clear();
    output.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("mousemove", (event) => this.point(event));
    field.addEventListener("mouseleave", () => this.light());
    for (const name of ["keyup", "click", "focus"]) field.addEventListener(name, () => this.caret());
    field.addEventListener("blur", () => this.light());
  }

  /** The source as it is being written, before anything is known about its words. */
  typed() {
    this.source = [];
    this.pairs = [];
    this.spans = new Map([...this.spans].filter(([word]) => this.target.includes(word)));
    this.mirror.replaceChildren(`${this.field.value}\n`);
    this.light();
  }

  clear() {
    this.text = "";
    this.origin = "";
    this.source = [];
    this.target = [];
    this.pairs = [];
    this.spans = new Map();
    this.output.replaceChildren();
    this.mirror.replaceChildren(`${this.field.value}\n`);
  }

  /** Shows a translation of `origin`. */
  show(origin, translation) {
    this.origin = origin;
    this.text = translation.text;
    this.source = words(translation.source_tokens ?? [], origin);
    this.target = words(translation.tokens ?? [], translation.text);
    this.pairs = links(translation.alignment, this.source, this.target);
    this.draw();
  }

  /** Puts the translation of one sentence in the place of the one that is shown; gives its first word's element. */
  exchange(range, translation) {
    const { from, to, start, end } = range;
    const lead = this.origin.slice(from, to).length - this.origin.slice(from, to).trimStart().length;
    const shift = translation.text.length - (end - start);
    const moved = (word, by) => Object.assign(word, { start: word.start + by, end: word.end + by });
    const source = words(translation.source_tokens, this.origin.slice(from, to).trim());
    const target = words(translation.tokens, translation.text);
    const pairs = links(translation.alignment, source, target);
    source.forEach((word) => moved(word, from + lead));
    target.forEach((word) => moved(word, start));
    this.source = [...this.source.filter((w) => w.start < from), ...source, ...this.source.filter((w) => w.start >= to)];
    const after = this.target.filter((word) => word.start >= end);
    after.forEach((word) => moved(word, shift));
    const before = this.target.filter((word) => word.start < start);
    this.target = [...before, ...target, ...after];
    const kept = new Set([...this.source, ...before, ...after]);
    this.pairs = [...this.pairs.filter(([s, t]) => kept.has(s) && kept.has(t)), ...pairs];
    this.text = this.text.slice(0, start) + translation.text + this.text.slice(end);
    this.draw();
    return this.spans.get(target[0]);
  }

  draw() {
    this.spans = new Map();
    const make = (word) => {
      const span = document.createElement("span");
      span.className = "term";
      this.spans.set(word, span);
      return span;
    };
    spell(this.mirror, `${this.field.value}\n`, this.field.value === this.origin ? this.source : [], make);
    spell(this.output, this.text, this.target, (word) => {
      const span = make(word);
      span.setAttribute("role", "button");
      span.setAttribute("aria-haspopup", "dialog");
      span.tabIndex = word === this.target[0] ? 0 : -1;
      span.addEventListener("mouseenter", () => this.light(word));
      span.addEventListener("mouseleave", () => this.light());
      span.addEventListener("focus", () => this.light(word));
      span.addEventListener("click", () => this.ask(word, span));
      return span;
    });
  }

  /** Lights a word and all that it belongs to; without a word, nothing. */
  light(word) {
    for (const span of this.spans.values()) span.classList.remove("linked", "pointed");
    if (!word) return;
    this.spans.get(word)?.classList.add("pointed");
    for (const [s, t] of this.pairs) {
      if (s === word) this.spans.get(t)?.classList.add("linked");
      if (t === word) this.spans.get(s)?.classList.add("linked");
    }
  }

  /** The words of a text field cannot be pointed at: those of its mirror lie in the same places. */
  point({ clientX: x, clientY: y }) {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const within = (box) => box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
      this.light(this.source.find((word) => [...(this.spans.get(word)?.getClientRects() ?? [])].some(within)));
    });
  }

  caret() {
    const { selectionStart: at, selectionEnd: end } = this.field;
    this.light(at === end ? this.source.find((word) => word.start <= at && at <= word.end) : undefined);
  }

  key(event) {
    const at = this.target.findIndex((word) => this.spans.get(word) === event.target);
    if (at < 0) return;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: this.target.length - 1 };
    if (event.key in to) {
      const next = this.spans.get(this.target[Math.min(this.target.length - 1, Math.max(0, to[event.key]))]);
      event.target.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") this.ask(this.target[at], event.target);
    else return;
    event.preventDefault();
  }

  /** The sentence a target word is in: [from, to) of the source, [start, end) of the translation. */
  around(word) {
    const whole = { from: 0, to: this.origin.length, start: 0, end: this.text.length };
    const homes = this.target.map((one) => this.pairs.find(([, t]) => t === one)?.[0].start);
    const at = this.target.indexOf(word);
    const home = homes[at] ?? homes.slice(0, at).findLast((place) => place !== undefined) ?? homes.find((place) => place !== undefined);
    if (home === undefined) return whole;
    const [from, to] = sentenceAt(this.origin, home);
    if (from === 0 && to >= this.origin.trimEnd().length) return whole;
    const inside = (place) => place === undefined || (from <= place && place < to);
    let [first, last] = [at, at];
    while (first > 0 && inside(homes[first - 1])) first -= 1;
    while (last < homes.length - 1 && inside(homes[last + 1])) last += 1;
    const start = first === 0 ? 0 : this.target[first].start;
    const next = this.target[last + 1];
    const end = next ? this.text.slice(0, next.start).trimEnd().length : this.text.length;
    return { from, to, start, end };
  }
}
