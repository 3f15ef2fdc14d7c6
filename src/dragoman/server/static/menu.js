/* The list of other translations that opens at a word. Fetches nothing: it is given a promise of what to list. */

import { say } from "./i18n.js";

const MARGIN = 8; // px between the list and the edge of the window

export class Menu {
  constructor(element) {
    this.element = element;
    document.addEventListener("mousedown", (event) => {
      if (!element.hidden && !element.contains(event.target)) this.close();
    });
    element.addEventListener("keydown", (event) => this.key(event));
  }

  /**
   * Opens at an element. `found` gives [{ text, rest, full }]: the next words, what follows them, the whole of it;
   * `choose(full)` is called for one of them, `write(text)` for words of one's own.
   */
  async open(anchor, found, { choose, write }) {
    this.anchor = anchor;
    const note = Object.assign(document.createElement("p"), { textContent: say("menu.loading"), className: "dim" });
    this.element.replaceChildren(note);
    this.element.hidden = false;
    this.place();
    let list;
    try {
      list = await found;
    } catch (error) {
      if (error.name !== "AbortError" && this.anchor === anchor) note.textContent = error.message;
      return;
    }
    if (this.anchor !== anchor || this.element.hidden) return;
    const items = list.map(({ text, rest, full }) => this.item(text, rest, () => choose(full)));
    this.element.replaceChildren(...(items.length ? items : [note]), this.own(write));
    if (!items.length) note.textContent = say("menu.none");
    this.place();
    this.element.querySelector("button, input")?.focus();
  }

  item(text, rest, choose) {
    const button = document.createElement("button");
    const [strong, faint] = [document.createElement("b"), document.createElement("span")];
    strong.textContent = text;
    faint.textContent = rest;
    button.append(strong, faint);
    button.addEventListener("click", () => {
      this.close();
      choose();
    });
    return button;
  }

  /** A field for a word that no translation of the model begins with. */
  own(write) {
    const field = document.createElement("input");
    field.placeholder = say("menu.own");
    field.setAttribute("aria-label", say("menu.own"));
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || !field.value.trim()) return;
      this.close();
      write(field.value);
    });
    return field;
  }

  place() {
    const at = this.anchor.getBoundingClientRect();
    const own = this.element.getBoundingClientRect();
    const left = Math.max(MARGIN, Math.min(at.left, document.documentElement.clientWidth - own.width - MARGIN));
    this.element.style.left = `${left + scrollX}px`;
    this.element.style.top = `${at.bottom + 4 + scrollY}px`;
  }

  key(event) {
    const items = [...this.element.querySelectorAll("button, input")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") {
      this.close();
      this.anchor?.focus();
    } else if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    else return;
    event.preventDefault();
  }

  close() {
    this.element.hidden = true;
  }
}
