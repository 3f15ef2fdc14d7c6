/* The same word in two sentences: how far its two vectors part, layer by layer, and where each looks. Runs no model: it
   draws what the trace holds. */

import { h, swap, select, table, word } from "../drawing/dom.js";
import { matrix } from "../drawing/heat.js";
import { fixed } from "../drawing/written.js";
import { asking } from "../drawing/asking.js";
import { command } from "../break/result.js";

const MEAN = "mean";

export function beside(context) {
  if (typeof context.options.fetchTried !== "function") return drawn(context);
  const { trace, say } = context;
  const place = h("div", { "aria-live": "polite" }, trace.beside && drawn(context));
  const [other, both] = ["other", "word"].map((name) =>
    h(`input.${name}`, { type: "text", maxlength: "200", "aria-label": say(`beside.${name}`), placeholder: say(`beside.${name}`) }),
  );
  const wish = () => {
    const [text, wanted] = [other.value.trim(), both.value.trim()];
    return text ? { beside: text, ...(wanted && { word: wanted }) } : null;
  };
  const form = asking(context, say("beside.ask"), [other, both], wish, (found) => {
    trace.beside = found.beside;
    swap(place, drawn(context));
  });
  return h("div.beside-ask", {}, h("p.lead", {}, say("beside.lead")), form, place);
}

function drawn(context) {
  const { trace, say } = context;
  const { beside: found } = trace;
  const live = typeof context.options.fetchTried === "function";
  const lead = !live && h("p.lead", {}, say("beside.lead"));
  if (!found) return h("div.beside-view", {}, lead, h("p.missing", {}, say("beside.missing")), command(trace.source.text, " --beside '…' --word '…' -o page.html"));
  return h(
    "div.beside-view",
    {},
    lead,
    h("p", {}, h("b", {}, say("beside.done", { word: found.word }))),
    [found.one, found.other].map((one) => h("p.besides", {}, marked(one))),
    distances(context, found),
    h("p", {}, moral(say, found)),
    h("h3", {}, say("beside.looks")),
    looks(context, found),
    h("p.fine", {}, say("beside.looks.what")),
    h("p", {}, oneVector(say, found)),
  );
}

/** The sentence with the word lit. Spans count code points. */
function marked({ text, tokens, places }) {
  const letters = Array.from(text);
  const spans = places.map((i) => tokens[i].span).filter(Boolean);
  const [from, to] = [spans[0][0], spans.at(-1)[1]];
  return [letters.slice(0, from).join(""), h("mark", {}, letters.slice(from, to).join("")), letters.slice(to).join("")];
}

function distances({ say }, { places }) {
  const most = Math.max(1e-9, ...places.flatMap(({ distance, others }) => [distance, others ?? 0]));
  const bar = (x, kind) => (x === null ? "–" : h("div.apart", {}, h(`i.${kind}`, { css: { width: `${Math.max(1, (100 * x) / most)}px` } }), h("span", {}, fixed(x, 3))));
  const [name, apart, , others] = say("beside.heads").split("|");
  const rows = places.map((one) => [h("code", {}, one.name), bar(one.distance, "word"), bar(one.others, "rest")]);
  return table([name, apart, others], rows, { class: "word-apart" });
}

function moral(say, { word: text, places }) {
  const last = places.at(-1);
  return say(places[0].distance < 1e-6 ? "beside.same" : "beside.recut", { word: text, last: last.name, now: fixed(last.distance, 3) });
}

/** A picture of each sentence: a row for each layer, a column for each token, of one head or the mean of all. */
function looks(context, found) {
  const { say } = context;
  const count = found.one.looks[0].length;
  const place = h("div.word-looks");
  const draw = (head) => swap(place, [found.one, found.other].map((one) => looked(context, one, head)));
  const items = [[MEAN, say("beside.mean")], ...Array.from({ length: count }, (_, i) => [i, String(i + 1)])];
  draw(MEAN);
  return [h("div.picker", {}, select(say("beside.head"), items, MEAN, draw)), place];
}

function looked({ palette, say, width }, { tokens, looks: layers, places }, head) {
  const value = (r, c) => (head === MEAN ? layers[r].reduce((sum, one) => sum + one[c], 0) / layers[r].length : layers[r][head][c]);
  const picture = matrix(palette, {
    rows: layers.map((_, i) => String(i + 1)),
    cols: tokens.map((token) => token.piece),
    value,
    kind: "weight",
    width: Math.min(560, width()),
    label: say("beside.looks"),
  });
  picture.mark({ col: places[0] });
  const last = layers.length - 1;
  const top = tokens.map((token, c) => [value(last, c), token.piece]).sort((a, b) => b[0] - a[0]).slice(0, 3);
  return h("figure", {}, h("div.scroll", {}, picture.element), h("figcaption", {}, `encoder.${layers.length}: `, top.flatMap(([p, piece]) => [word(piece), ` ${Math.round(100 * p)}%  `])));
}

function oneVector(say, { word: text, vectors, near }) {
  const list = near.map(({ piece, p }) => `${piece} ${fixed(p, 2)}`).join(say("language.comma"));
  return say(vectors === null ? "beside.vector.own" : "beside.vector", { word: text, file: vectors, near: list });
}
