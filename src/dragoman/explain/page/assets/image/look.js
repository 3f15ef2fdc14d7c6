/* An image that was read: its patches, where each word looked laid over them, who asks and who answers. Runs no model. */

import { h, swap, button, choice, select, table, word, percent } from "../drawing/dom.js";
import { Palette } from "../drawing/colour.js";
import { LANGUAGES, closest, speaker } from "../frame/words.js";
import { Store } from "../frame/store.js";
import { picture } from "./picture.js";

const MEAN = "mean";
const SMALL = 190; // px of a step among the others
const LARGE = 480;

/** Shows `trace` (version 1) inside `element`. options: lang, the code of a table of sentences; theme "light" | "dark". */
export function mount(element, trace, options = {}) {
  if (trace.format !== "dragoman.image" || trace.version !== 1) throw new TypeError("not a reading of version 1");
  const dark = window.matchMedia?.("(prefers-color-scheme: dark)").matches;
  const store = new Store({
    lang: closest(options.lang ?? navigator.language),
    theme: options.theme ?? (dark ? "dark" : "light"),
    t: 0,
    layer: trace.looks.length - 1,
    head: MEAN,
    patch: null,
  });
  element.classList.add("dragoman-look");
  const build = () => {
    const context = { trace, store, say: speaker(store.lang), palette: new Palette(store.theme) };
    element.setAttribute("data-theme", store.theme);
    element.setAttribute("lang", context.say("language.tag"));
    const held = document.activeElement?.closest("[data-value], .patch-image, .language, .theme");
    const name = held && element.contains(held) ? held.getAttribute("data-value") ?? `.${held.classList[0]}` : null;
    swap(element, header(context), h("main.view.image-view", { id: "dragoman-view", tabindex: "-1" }, body(context)));
    if (name !== null) element.querySelector(name.startsWith(".") ? name : `[data-value="${CSS.escape(name)}"]`)?.focus();
  };
  store.watch(["lang", "theme", "t", "layer", "head", "patch"], build);
  build();
}

function header({ trace, store, say }) {
  const failed = trace.checks.filter(({ value, limit }) => value > limit);
  return h(
    "header.top",
    {},
    h("h1.sentence", {}, h("bdi.source", {}, say("image.name")), h("span.to", { "aria-hidden": "true" }, "→"), h("bdi.target", {}, trace.text)),
    h(
      "div.switches",
      {},
      LANGUAGES.filter((other) => other !== store.lang).map((other) => {
        const named = speaker(other);
        return button(named("language.name"), () => store.set({ lang: other }), { class: "language quiet", lang: named("language.tag") });
      }),
      button(store.theme === "dark" ? "☀" : "☾", () => store.set({ theme: store.theme === "dark" ? "light" : "dark" }), {
        class: "theme quiet",
        "aria-label": say(store.theme === "dark" ? "page.light" : "page.dark"),
      }),
    ),
    failed.length > 0 && h("p.alarm", { role: "alert" }, say("page.failed", { list: failed.map(({ name }) => say(`image.check.${name}`)).join(say("language.comma")) })),
  );
}

function body(context) {
  const { trace, store, say } = context;
  const patches = trace.looks[0][0][0].length;
  const digits = trace.digits.length > 0 ? say("image.drawn", { digits: trace.digits.join(" ") }) : "";
  return [
    h("h2", {}, say("image.title", { text: trace.text, digits })),
    h("p.lead", {}, say("image.lead", { patches, side: trace.patch })),
    controls(context),
    h("div.image-steps", { role: "group", "aria-label": say("image.steps") }, trace.steps.map((one) => step(context, one))),
    h("div.image-body", {}, large(context), h("div", {}, asking(context), places(context))),
    h("h3", {}, say("image.steps")),
    numbers(context),
    h("p.fine", {}, say("image.checks", { list: trace.checks.map((one) => check(say, one)).join(say("language.comma")) })),
    store.patch === null ? null : h("p.fine", {}, button(say("image.back"), () => store.set({ patch: null }), { "data-value": "back" })),
  ];
}

const check = (say, { name, value, limit }) => `${say(`image.check.${name}`)} ${value <= limit ? "✓" : "✗"} ${value.toFixed(6)}`;

function controls({ trace, store, say }) {
  const layers = trace.looks.map((_, i) => [i, String(i + 1)]);
  const heads = [[MEAN, say("image.all")], ...trace.looks[0][0].map((_, i) => [i, String(i + 1)])];
  return h(
    "div.picker",
    {},
    select(say("words.layer"), layers, store.layer, (value) => store.set({ layer: Number(value) })),
    select(say("words.head"), heads, store.head, (value) => store.set({ head: value === MEAN ? MEAN : Number(value) })),
  );
}

/** Where step t looks [S], of the layer and the head that are chosen. */
function look({ trace, store }, t) {
  const heads = trace.looks[store.layer][t];
  const some = store.head === MEAN ? heads : [heads[store.head]];
  return some[0].map((_, patch) => some.reduce((sum, one) => sum + one[patch], 0) / some.length);
}

function step(context, one) {
  const { trace, store, palette, say } = context;
  const pick = () => store.set({ t: one.t, patch: null });
  return h(
    "button.image-step",
    { type: "button", "aria-pressed": String(one.t === store.t), "data-value": `step-${one.t}`, on: { click: pick } },
    h("span", {}, `t = ${one.t}  `, word(one.chosen, "target"), `  ${percent(one.p)}`),
    picture(palette, trace, look(context, one.t), { width: SMALL, label: said(context, one), place: [] }),
  );
}

const said = (context, one) => context.say("image.writes", { t: one.t, word: one.chosen, share: own(context, one) });

function own(context, one) {
  if (one.place.length === 0) return "–";
  const weights = look(context, one.t);
  return percent(one.place.reduce((sum, patch) => sum + weights[patch], 0));
}

/** The chosen step, or the patches whose place is told like that of the patch that is chosen. */
function large(context) {
  const { trace, store, palette, say } = context;
  const one = trace.steps[store.t];
  const near = store.patch === null ? null : trace.near[store.patch].map((x) => Math.max(0, x) ** 4);
  const label = near ? say("image.near", { row: row(context), column: column(context) }) : said(context, one);
  const options = { width: LARGE, label, place: near ? [store.patch] : one.place, pick: trace.near.length ? (patch) => store.set({ patch }) : null };
  return h("figure", {}, picture(palette, trace, near ?? look(context, store.t), options), h("figcaption", {}, label));
}

const row = ({ trace, store }) => Math.floor(store.patch / columns(trace)) + 1;
const column = ({ trace, store }) => (store.patch % columns(trace)) + 1;
const columns = (trace) => trace.pixels[0].length / trace.patch;

function asking({ trace, say }) {
  const shapes = Object.fromEntries(Object.entries(trace.shapes).map(([name, sizes]) => [name, `[${sizes.join(", ")}]`]));
  const line = (side, part, key) => h(`p.asking.${side}`, {}, h("b", {}, part), " ", say(key, shapes));
  return [
    h("h3", {}, say("image.asking")),
    line("write", "Q", "image.q"),
    line("read", "K", "image.k"),
    line("read", "V", "image.v"),
  ];
}

function places({ trace, say }) {
  const known = ["grid", "none"].includes(trace.positions);
  return [
    h("h3", {}, say("image.positions")),
    h("p", {}, known ? say(`image.positions.${trace.positions}`) : say("image.positions.other", { name: trace.positions })),
    trace.near.length > 0 && h("p.hint", {}, say("image.point")),
  ];
}

function numbers(context) {
  const { trace, say } = context;
  const rows = trace.steps.map((one) => {
    const weights = look(context, one.t);
    const best = weights.indexOf(Math.max(...weights));
    const place = `(${Math.floor(best / columns(trace)) + 1}, ${(best % columns(trace)) + 1})  ${percent(weights[best])}`;
    const rivals = one.rivals.filter((rival) => rival.word !== one.chosen).map((rival) => `${rival.word} ${percent(rival.p)}`);
    return [String(one.t), one.read.join(" "), word(one.chosen, "target"), percent(one.p), rivals.join(say("language.comma")), place, own(context, one)];
  });
  return table(say("image.heads").split("|"), rows);
}
