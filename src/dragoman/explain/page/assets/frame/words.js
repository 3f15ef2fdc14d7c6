/* What the page says, from the tables of sentences: one a language, the same that the terminal reads. Holds none itself. */

import { TABLES } from "../sentences.js";

export const LANGUAGES = Object.keys(TABLES);

/** The language of a browser's tag: "zh-TW" is zh where there is no zh-TW; the first one where there is neither. */
export function closest(tag) {
  const asked = (tag ?? "").toLowerCase();
  const find = (wanted) => LANGUAGES.find((name) => name.toLowerCase() === wanted);
  return find(asked) ?? find(asked.split("-")[0]) ?? LANGUAGES[0];
}

/**
 * say("page.limit", { n: 3, all: 9 }) in one language; an unknown key is an error of the page, shown as itself. The gap
 * {reference} is filled by itself: `standsIn` tells that what the model wrote stands in for a reference.
 */
export function speaker(lang, standsIn = false) {
  const table = TABLES[lang] ?? TABLES[LANGUAGES[0]];
  const reference = table[standsIn ? "words.reference.own" : "words.reference"];
  return (key, values = {}) => {
    const sentence = (values.count === 1 && table[`${key}.one`]) || table[key];
    if (sentence === undefined) return key;
    const all = { reference, ...values };
    return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in all ? String(all[name]) : whole));
  };
}
