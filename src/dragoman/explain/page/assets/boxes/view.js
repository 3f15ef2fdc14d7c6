/* The numbers of one layer's boxes for one word: the spread before and after layer norm, five inner units of the
   feed-forward network, the cut into heads, the root of d. Computes none of them. */

import { h, s, swap, select, table } from "../drawing/dom.js";
import { fixed } from "../drawing/written.js";
import { command } from "../break/result.js";
import { embedding, output } from "./ends.js";

const [WIDE, HIGH] = [160, 34]; // px of a distribution
const PAPER = [1024, 5, 8, 64]; // batch, tokens, heads, width of one

export function boxes(context) {
  const { trace, say } = context;
  const found = trace.boxes;
  if (!found) return h("div.boxes-view", {}, h("p.missing", {}, say("boxes.none")), command(trace.source.text, " -o page.html"));
  const [place, picker] = [h("div.box-numbers"), h("div.picker")];
  const layers = found.feeds.map((fed) => fed.name.replace(".feed", ""));
  const names = ["embedding", ...layers, "output"];
  const chosen = { box: layers[0], word: 0 };
  const draw = () => swap(place, drawnBox(context, found, chosen));
  const words = () => wordsOf(trace, found, chosen.box).map((token, i) => [i, `${i} · ${token.piece}`]);
  const pickWord = (value) => {
    chosen.word = Number(value);
    draw();
  };
  const word = h("span");
  const pickBox = (value) => {
    chosen.box = value;
    chosen.word = firstWord(wordsOf(trace, found, value));
    swap(word, select(say("boxes.word"), words(), chosen.word, pickWord));
    draw();
  };
  swap(picker, select(say("boxes.which"), names.map((name) => [name, name]), chosen.box, pickBox), word);
  pickBox(chosen.box);
  return h(
    "div.boxes-view",
    {},
    picker,
    place,
    h("h3", {}, say("boxes.shapes")),
    shapes(context),
    h("p", {}, say("boxes.shapes.what")),
    scale(context),
  );
}

/** The first token that is a word, and no symbol such as ⟨zh⟩. */
function firstWord(tokens) {
  return Math.max(0, tokens.findIndex((token) => token.span && token.text));
}

function wordsOf(trace, found, box) {
  if (box === "output") return trace.inference.tokens.slice(0, trace.inference.pass.logits.length);
  if (box.startsWith("decoder")) return found.written ?? [];
  return found.tokens;
}

function drawnBox(context, found, chosen) {
  if (chosen.box === "embedding") return embedding(context, chosen);
  if (chosen.box === "output") return output(context, chosen);
  return [norms(context, found, chosen), feed(context, found, chosen)];
}

function norms({ trace, say }, { norms: all, edges }, { box: name, word }) {
  const some = all.filter((norm) => norm.name.startsWith(`${name}.`));
  const rows = some.flatMap((norm) =>
    ["before", "middle", "after"].map((stage) => {
      const { mean, variance, counts } = norm[stage][word];
      const named = stage === "before" && h("code", {}, norm.name);
      return [h("div", {}, named, " ", say(`boxes.norm.${stage}`)), unsigned(mean), fixed(variance, 2), drawn(counts, edges, stage)];
    }),
  );
  const [which, , mean, variance, lie] = say("boxes.norm.heads").split("|");
  return [
    h("p", {}, say("boxes.norm", { d: trace.model.config.d_model })),
    table([which, mean, variance, lie], rows, { class: "box-norms" }),
    h("p.fine", {}, say("boxes.norm.what")),
  ];
}

/** Without a sign before a zero. */
function unsigned(x) {
  return fixed(Math.abs(x) < 0.005 ? 0 : x, 2);
}

/** A distribution: the higher a bar, the more numbers fall there. Each picture is as high as its own highest. */
function drawn(counts, edges, stage) {
  const most = Math.max(...counts, 1);
  const step = WIDE / counts.length;
  const bars = counts.map((n, i) => s("rect", { x: i * step, y: HIGH - (HIGH * n) / most, width: step - 0.5, height: (HIGH * n) / most }));
  const label = `${edges[0]} … ${edges.at(-1)}`;
  return s(`svg.histogram.${stage}`, { width: WIDE, height: HIGH, viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, bars, s("line", { x1: WIDE / 2, x2: WIDE / 2, y1: 0, y2: HIGH }));
}

function feed({ trace, say }, { feeds }, { box, word }) {
  const { d_model: d, d_ff: f, activation = "relu" } = trace.model.config;
  const values = { d, f, activation };
  const { units } = feeds.find((fed) => fed.name === `${box}.feed`);
  const rows = units[word].map((one) => [String(one.unit), fixed(one.inner, 2), fixed(one.fires, 2), fixed(one.adds, 2)]);
  return [
    h("p", {}, say("boxes.feed", values)),
    table(say("boxes.feed.heads", values).split("|"), rows, { class: "box-units" }),
    h("p.fine", {}, say("boxes.feed.what", values)),
  ];
}

/** The paper's numbers beside this model's, alone and in a batch. */
function shapes({ trace, say }) {
  const { d_model: d, n_heads: heads } = trace.model.config;
  const length = trace.source.tokens.length;
  const all = [
    ["boxes.shapes.paper", PAPER],
    ["boxes.shapes.one", [1, length, heads, d / heads]],
    ["boxes.shapes.batch", [64, length, heads, d / heads]],
  ];
  const code = (...sizes) => h("code", {}, `[${sizes.join(", ")}]`);
  const rows = all.map(([key, [b, t, n, k]]) => [say(key), `${n * k} = ${n} × ${k}`, h("div", {}, code(b, t, n * k), " → ", code(b, t, n, k), " → ", code(b, n, t, k))]);
  const [what, numbers, ...forms] = say("boxes.shapes.heads").split("|");
  return table([what, numbers, forms.join(" → ")], rows, { class: "box-shapes" });
}

/** What the root of d is for, over many sentences, where the model's card says it. */
function scale({ trace, say }) {
  const { scale: both, pairs } = trace.worth ?? {};
  if (!both || both.length !== 2) return null;
  const { d_model: d, n_heads: heads } = trace.model.config;
  const rows = both.map((one) => [say(`boxes.scale.${one.scores}`), fixed(one.variance, 2), fixed(one.gradient, 3)]);
  return [
    h("h3", {}, say("boxes.scale", { k: d / heads })),
    table(say("boxes.scale.heads").split("|"), rows, { class: "box-scale" }),
    h("p", {}, say("boxes.scale.what", { pairs, k: d / heads })),
  ];
}
