/* The page: what is written goes to the server, what comes back is shown. All text is inserted as text. */

import * as api from "./api.js";
import { takeFiles } from "./files.js";
import * as past from "./history.js";
import { following, languageName, preferred, read, say, speak, tag, write } from "./i18n.js";
import { Inside } from "./inside.js";
import { Menu } from "./menu.js";
import { Panes } from "./panes.js";
import { told as inWords } from "./troubles.js";

const PAUSE = 250; // ms after the last key before the text is sent
const SETTLED = 2000; // ms after which a translation is kept in the history
const BEAMS = [1, 2, 5, 8, 10];
const WISHED = 6; // other translations to ask for

const $ = (id) => document.getElementById(id);
const about = { models: [], limits: { characters: Infinity, file_bytes: Infinity, beam_size: 1, n_best: 1 }, files: [] };
const menu = new Menu($("menu"));
const inside = new Inside($("look"), $("inside-note"), $("reference"));
const panes = new Panes({ field: $("source"), mirror: $("mirror"), output: $("output"), ask: others });
let answer = null; // what is shown: { text, model, source, target, detected, flags }
let request = null; // AbortController of the translation under way
let asking = null; // and of the question for other words
let chosen = false; // whether the reader chose the language to translate into, for this text
const timers = {};

function later(name, wait, run) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(run, wait);
}

// -- translating -----------------------------------------------------------------------------------------------------

function wish(text) {
  const beam = Number($("beam").value);
  return {
    text,
    source: $("from").value,
    target: $("to").value,
    ...($("model").value ? { model: $("model").value } : {}),
    ...(beam ? { beam_size: beam } : {}),
    glossary: glossary(),
    format: $("html").checked ? "html" : "text",
    alignments: true,
  };
}

/** The terms that are written one a line; lines without both sides are left out. */
function glossary() {
  return Object.fromEntries(lines().filter(([source, target]) => source && target));
}

function lines() {
  const written = $("glossary").value.split("\n").filter((line) => line.trim());
  return written.map((line) => line.split(/=(.*)/s).slice(0, 2).map((side) => side?.trim()));
}

function typed() {
  panes.typed();
  menu.close();
  const { value } = $("source");
  if (!value) chosen = false;
  $("clear").hidden = !value;
  $("count").textContent = value ? `${value.length.toLocaleString(tag())} / ${about.limits.characters.toLocaleString(tag())}` : "";
  $("count").classList.toggle("over", value.length > about.limits.characters);
  later("send", PAUSE, send);
}

async function send() {
  clearTimeout(timers.send);
  clearTimeout(timers.keep);
  request?.abort();
  asking?.abort();
  const text = $("source").value;
  trouble();
  if (!text.trim()) return show(text, null);
  if (text.length > about.limits.characters) return instead(text, say("too.long", { most: about.limits.characters.toLocaleString(tag()) }));
  const mine = (request = new AbortController());
  busy(true);
  try {
    let found = await api.translate(wish(text), mine.signal);
    if (turned(found)) found = await api.translate(wish(text), mine.signal);
    show(text, found);
    later("keep", SETTLED, keep);
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    failed(error);
  } finally {
    if (request === mine) busy(false);
  }
  return undefined;
}

/** Text that is already in the language it is to be in goes the other way, unless somebody asked for just that. */
function turned({ source, target }) {
  const other = opposite(source);
  if (chosen || !other || $("from").value !== "auto" || base(source) !== base(target)) return false;
  pick("to", other);
  return true;
}

function failed(error) {
  const text = $("source").value;
  if (error.wait || error.status === 503) {
    instead(text, say("busy"));
    later("send", 1000 * Math.max(1, error.wait), send);
  } else instead(text, error instanceof api.Refused ? inWords(error.message) : say("offline"));
}

/** Says where the translation would stand why there is none: that of another text must not stand beside this one. */
function instead(text, why) {
  clearTimeout(timers.keep);
  show(text, null);
  trouble(why);
}

function busy(on) {
  $("target-pane").setAttribute("aria-busy", on);
  later("working", on ? 400 : 0, () => ($("status").textContent = on ? say("working") : ""));
}

function trouble(text = "") {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

function show(text, found) {
  const translation = found?.translations[0];
  answer = found && { ...found, text, flags: translation.flags };
  if (translation) panes.show(text, translation);
  else panes.clear();
  $("copy").hidden = !translation?.text;
  $("output").lang = found?.target ?? "";
  $("source").lang = found?.source ?? "";
  later("live", 1000, () => ($("live").textContent = translation?.text ?? ""));
  told();
}

/** What was found out about the text and its translation, in words. */
function told() {
  const code = answer?.detected?.language;
  $("detected").textContent = code ? say("detected", { language: languageName(code) }) : "";
  const hints = (answer?.flags ?? []).map((flag) => {
    return Object.assign(document.createElement("li"), { textContent: say(`flag.${flag}`) });
  });
  $("flags").replaceChildren(...hints);
  const reverse = answer && translates(base(answer.target), base(answer.source));
  // Where nothing is ever swapped there is no button; where it is not now, the button says why.
  $("swap").hidden = !reversible();
  $("swap").setAttribute("aria-disabled", !(reverse ?? true));
  $("swap").title = say(reverse ?? true ? "swap" : "swap.none");
}

function reversible() {
  const bases = (codes) => codes.map(base);
  return about.models.some((m) => bases(m.targets).some((source) => bases(m.sources).some((target) => translates(source, target))));
}

/** Whether a model goes from one base language into another. */
function translates(source, target) {
  return source !== target && about.models.some((m) => m.sources.some((code) => base(code) === source) && m.targets.some((code) => base(code) === target));
}

/** The first language that text in `code` can be translated into. */
function opposite(code) {
  return [...$("to").options].map((one) => one.value).find((other) => translates(base(code), base(other)));
}

const base = (code) => code.split("-")[0];

function keep() {
  if (!answer) return;
  past.keep({ text: answer.text, translation: panes.text, source: $("from").value, target: $("to").value });
}

// -- other words -----------------------------------------------------------------------------------------------------

/** Opens the list of other translations that agree with the one shown up to a word. */
function others(word, element) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const range = panes.around(word);
  const sentence = panes.origin.slice(range.from, range.to).trim();
  const before = panes.text.slice(range.start, word.start);
  const exchange = async (prefix) => {
    const found = await api.translate({ ...wish(sentence), prefix }, signal).catch((error) => {
      if (error.name !== "AbortError") trouble(error instanceof api.Refused ? inWords(error.message) : say("offline"));
    });
    if (!found) return;
    const [one] = found.translations;
    const focused = panes.exchange(range, one);
    focused?.focus();
    $("live").textContent = panes.text;
    answer = { ...answer, flags: one.flags };
    told();
    keep();
  };
  const most = Math.min(WISHED, about.limits.n_best);
  const asked = { ...wish(sentence), prefix: before, n_best: most, beam_size: Math.min(about.limits.beam_size, Math.max(8, most)) };
  const found = api.translate(asked, signal).then((answers) => {
    const [best] = answers.translations;
    const shown = panes.text.slice(range.start, range.end);
    return listed([best, ...best.alternatives].map(({ text }) => text), before, shown);
  });
  menu.open(element, found, { choose: exchange, write: (text) => exchange(before + text) });
}

/** Translations that begin alike, told apart by the words that come next. */
function listed(texts, before, shown) {
  const unlike = [...new Set(texts)].filter((text) => text !== shown && text.length > before.length);
  return unlike.map((full) => {
    const at = full.startsWith(before) ? before.length : 0;
    let end = at;
    while (end < full.length && full[end] === shown[end]) end += 1;
    const next = /^[\s\p{P}]*(?:[\u3400-\u9fff]{1,4}|[^\s\u3400-\u9fff]+)/u.exec(full.slice(end))?.[0] ?? full.slice(end);
    return { text: full.slice(at, end) + next, rest: full.slice(end + next.length), full };
  });
}

// -- languages and models --------------------------------------------------------------------------------------------

function choices() {
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  const fill = (select, options) => {
    const { value } = select;
    select.replaceChildren(...options);
    if ([...select.options].some((one) => one.value === value)) select.value = value;
  };
  const sources = [...new Set(about.models.flatMap((model) => model.sources))];
  const written = about.models.flatMap((model) => model.targets);
  const targets = [...new Set(written.flatMap((code) => (base(code) === "zh" ? ["zh-Hans", "zh-Hant"] : [code])))];
  fill($("from"), [option("auto", say("auto")), ...sources.map((code) => option(code, languageName(code)))]);
  fill($("to"), targets.map((code) => option(code, languageName(code))));
  const names = [...new Set(about.models.map(({ name }) => name))];
  fill($("model"), [option("", say("model")), ...names.map((name) => option(name, name))]);
  $("model").hidden = names.length < 2;
  const beams = BEAMS.filter((size) => size <= about.limits.beam_size);
  fill($("beam"), [option("0", say("beam.own")), ...beams.map((size) => option(String(size), String(size)))]);
}

function swap() {
  if ($("swap").getAttribute("aria-disabled") === "true") return void ($("status").textContent = say("swap.none"));
  const target = $("to").value;
  // Of a text whose language nobody has told yet, what its translation can be translated into.
  const source = answer?.source ?? ($("from").value === "auto" ? opposite(target) : $("from").value);
  const text = panes.text;
  pick("from", target);
  if (source) pick("to", source);
  if (text) $("source").value = text;
  typed();
  send();
}

// -- the rest of the page --------------------------------------------------------------------------------------------

function turn(name) {
  for (const tabName of ["translate", "inside"]) {
    const chosen = tabName === name;
    $(`tab-${tabName}`).setAttribute("aria-selected", chosen);
    $(`tab-${tabName}`).tabIndex = chosen ? 0 : -1;
    $(tabName).hidden = !chosen;
  }
  menu.close();
  if (name === "inside") inside.open($("source").value, answer?.model ?? $("model").value, theme());
}

const theme = () => document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

function changeTheme() {
  document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
  write("dragoman.theme", theme());
  if (!$("inside").hidden) turn("inside");
}

function changeLanguage(name) {
  speak(name);
  const next = following();
  Object.assign($("language"), { textContent: next.text, lang: next.tag });
  choices();
  told();
  terms();
  if (!$("inside").hidden) turn("inside");
}

function terms() {
  const items = Object.entries(glossary()).map(([source, target]) =>
    Object.assign(document.createElement("li"), { textContent: `${source} → ${target}` }),
  );
  $("terms").replaceChildren(...items);
  const ignored = lines().length - lines().filter(([source, target]) => source && target).length;
  $("terms-ignored").hidden = !ignored;
  $("terms-ignored").textContent = say("terms.ignored", { count: ignored });
  $("terms-used").hidden = !items.length;
  $("terms-used").textContent = say("terms.used", { count: items.length });
}

async function copy() {
  try {
    await navigator.clipboard.writeText(panes.text);
  } catch {
    // Browsers give the clipboard to https and localhost only; elsewhere the text is at least selected.
    getSelection().selectAllChildren($("output"));
    document.execCommand("copy");
  }
  $("copy").textContent = say("copied");
  later("copied", 1500, () => ($("copy").textContent = say("copy")));
}

function listen() {
  $("source").addEventListener("input", typed);
  $("source").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  $("to").addEventListener("change", () => (chosen = true));
  for (const id of ["from", "to", "model", "beam", "html"]) $(id).addEventListener("change", send);
  $("glossary").addEventListener("input", () => {
    write("dragoman.glossary", $("glossary").value);
    terms();
    later("send", 2 * PAUSE, send);
  });
  $("key").addEventListener("change", () => {
    api.useKey($("key").value);
    send();
  });
  $("terms-used").addEventListener("click", () => {
    $("options").open = true;
    $("glossary").focus();
  });
  for (const id of ["from", "to"]) $(id).addEventListener("change", () => write(`dragoman.${id}`, $(id).value));
  $("swap").addEventListener("click", swap);
  $("copy").addEventListener("click", copy);
  $("clear").addEventListener("click", () => {
    $("source").value = "";
    typed();
    send();
    $("source").focus();
  });
  $("theme").addEventListener("click", changeTheme);
  $("language").addEventListener("click", () => changeLanguage(following().name));
  for (const name of ["translate", "inside"]) $(`tab-${name}`).addEventListener("click", () => turn(name));
  document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = $("translate").hidden ? "translate" : "inside";
    turn(other);
    $(`tab-${other}`).focus();
  });
  $("right").addEventListener("submit", (event) => {
    event.preventDefault();
    turn("inside");
  });
  listenHistory();
  takeFiles({
    drop: $("drop"),
    field: $("file"),
    button: $("pick"),
    list: $("files"),
    about: () => {
      const { source, target, glossary: terms, beam_size: beam } = wish("");
      return { formats: about.files, bytes: about.limits.file_bytes, source, target, glossary: terms, beam };
    },
  });
}

function listenHistory() {
  const choose = ({ text, source, target }) => {
    $("history").close();
    for (const [id, code] of [["from", source], ["to", target]]) {
      if ([...$(id).options].some((one) => one.value === code)) $(id).value = code;
    }
    $("source").value = text;
    turn("translate");
    typed();
    send();
  };
  $("open-history").addEventListener("click", () => {
    past.list($("past"), choose);
    $("history").showModal();
  });
  $("close-history").addEventListener("click", () => $("history").close());
  $("forget").addEventListener("click", () => {
    past.forget();
    past.list($("past"), choose);
  });
}

/** The language that a list has for a code, however it is written: zh_TW is zh-Hant, and en-US is en. */
function pick(id, code) {
  const options = [...$(id).options].map((one) => one.value);
  const wanted = code.replaceAll("_", "-").toLowerCase();
  const script = /^zh-(.*-)?(hant|tw|hk|mo)\b/.test(wanted) ? "zh-Hant" : wanted;
  const found = options.find((one) => one.toLowerCase() === script.toLowerCase()) ?? options.find((one) => base(one) === base(wanted));
  if (found) $(id).value = found;
}

/** What the address asks for (?q=...&source=...&target=...), else the languages chosen before. */
function opened() {
  const asked = new URLSearchParams(location.search);
  pick("from", asked.get("source") ?? read("dragoman.from") ?? "auto");
  chosen = asked.has("target");
  pick("to", asked.get("target") ?? read("dragoman.to") ?? $("to").value);
  if (asked.get("q")) $("source").value = asked.get("q");
}

async function start() {
  $("glossary").value = read("dragoman.glossary") ?? "";
  changeLanguage(preferred());
  listen();
  try {
    Object.assign(about, await api.models());
  } catch (error) {
    return failed(error);
  }
  $("key-row").hidden = !about.keys?.required;
  if (about.keys?.required) $("options").open = true;
  choices();
  opened();
  told();
  if ($("source").value) typed();
  return undefined;
}

start();
