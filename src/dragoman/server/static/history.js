/* What was translated before, in this browser only. */

import { read, say, write } from "./i18n.js";

const NAME = "dragoman.history";
const MOST = 50; // entries

export function load() {
  try {
    const list = JSON.parse(read(NAME) ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one?.text === "string" && typeof one.translation === "string") : [];
  } catch {
    return [];
  }
}

/** Keeps an entry { text, translation, source, target }. One that a longer one begins with was only on the way. */
export function keep(entry) {
  const [last, ...others] = load();
  const past = last && !entry.text.startsWith(last.text) ? [last, ...others] : others;
  write(NAME, JSON.stringify([entry, ...past.filter((one) => one.text !== entry.text)].slice(0, MOST)));
}

export function forget() {
  write(NAME, "[]");
}

/** Lists the entries; `choose` is called with the one that is clicked. */
export function list(element, choose) {
  const entries = load().map((entry) => {
    const button = document.createElement("button");
    for (const [name, text] of [["text", entry.text], ["translation", entry.translation]]) {
      const line = document.createElement("span");
      line.className = name;
      line.textContent = text;
      button.append(line);
    }
    button.addEventListener("click", () => choose(entry));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  if (!entries.length) entries.push(Object.assign(document.createElement("li"), { textContent: say("history.none") }));
  element.replaceChildren(...entries);
}
