/* The words of the page in the language that was chosen, from the tables of sentences. Holds none itself. */

import { TABLES } from "./sentences.js";

const LANGUAGES = Object.keys(TABLES);

let at = LANGUAGES[0];

/** The code of the table that is read. */
export function language() {
  return at;
}

/** The tag that goes into a `lang` attribute. */
export function tag() {
  return say("language.tag");
}

/** The language after this one, round and round: its code, its own name and its tag. */
export function following() {
  const name = LANGUAGES[(LANGUAGES.indexOf(at) + 1) % LANGUAGES.length];
  return { name, text: TABLES[name]["language.name"], tag: TABLES[name]["language.tag"] };
}

const touched = matchMedia("(hover: none)"); // a finger points at nothing, and drags no file

/** A sentence of the page, as it is said where there is no mouse; {name} and so on are replaced by `values`. */
export function say(key, values = {}) {
  const touch = touched.matches ? TABLES[at][`${key}.touch`] : undefined;
  return (touch ?? TABLES[at][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** How a language is called in the language of the page. */
export function languageName(code) {
  if (TABLES[at][code]) return say(code);
  try {
    return new Intl.DisplayNames([tag()], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** The language that was chosen before, or else the browser's. */
export function preferred() {
  const chosen = read("dragoman.language");
  return LANGUAGES.includes(chosen) ? chosen : closest(navigator.language);
}

/** Of a browser's tag: "zh-TW" is zh where there is no zh-TW; the first one where there is neither. */
function closest(asked) {
  const find = (wanted) => LANGUAGES.find((name) => name.toLowerCase() === wanted);
  const wanted = (asked ?? "").toLowerCase();
  return find(wanted) ?? find(wanted.split("-")[0]) ?? LANGUAGES[0];
}

/** Writes all words of the page in a language. */
export function speak(name) {
  at = name;
  write("dragoman.language", language());
  document.documentElement.lang = tag();
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
    element.title = element.matches("button") ? say(element.dataset.label) : "";
  }
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = say(element.dataset.hint);
}

/** What this browser keeps; null where it keeps nothing (a private window may forbid it). */
export function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    /* full or forbidden: the page works without */
  }
}
