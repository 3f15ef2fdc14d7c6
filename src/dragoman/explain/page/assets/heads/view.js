/* Head splitting with the numbers of one word, the shapes on the way, and all heads in order of a measure. The cut is
 * drawn by heads-cut.js, the order worked out by heads-rank.js. */

import { h, swap, choice, select, visible } from "../drawing/dom.js";
import { codeLine } from "../drawing/arithmetic.js";
import { picker } from "../attention/view.js";
import { sceneOf, hasHeads, askingRow, shape } from "../qkv/scene.js";
import { cutting, favourite } from "./cut.js";
import { ranking } from "./rank.js";

const PARTS = ["q", "k", "v"];

export function heads(context) {
  const { store, say } = context;
  if (!hasHeads(context)) return h("p.lead", {}, say("qkv.none"));
  const state = { part: "q", key: null, asker: 0 };
  const [tools, cut, chain, note] = [h("div.picker"), h("div.scroll", { tabindex: "0" }), h("div"), h("p.hint")];
  const build = () => {
    state.scene = sceneOf(context);
    state.asker = Math.min(state.asker, state.scene.asks.length - 1);
    state.cutting = cutting(context, state.scene, state.part);
    swap(cut, state.cutting.element);
    choose();
  };
  const choose = () => {
    swap(tools, choices(context, state, build));
    step();
  };
  const step = () => {
    const r = askingRow(context, state.scene, state.asker);
    cut.hidden = r === null;
    swap(note, r === null && say(store.t < 0 ? "qkv.notyet" : "qkv.notkept", { t: store.t }));
    if (r !== null) state.cutting.step(r, keyOf(context, state));
  };
  context.watch(["mode", "kind", "layer", "head"], () => {
    build();
    swap(chain, shapes(context, state.scene));
  });
  // Of q the row follows the step; the word whose k or v is cut is named among the choices, which follow too.
  context.watch(["t"], () => (state.part === "q" ? step() : choose()));
  return h(
    "div.heads",
    {},
    h("p.lead", {}, say("heads.lead")),
    picker(context),
    tools,
    note,
    cut,
    h("h3", {}, say("heads.shapes")),
    chain,
    h("h3", {}, say("heads.rank")),
    ranking(context),
  );
}

function choices(context, state, build) {
  const { say } = context;
  const { scene } = state;
  const set = (change) => {
    Object.assign(state, change);
    build();
  };
  const named = (list) => list.map((text, i) => [i, `${i} ${visible(text)}`]);
  return [
    choice(say("heads.part"), PARTS.map((part) => [part, part]), state.part, (part) => set({ part })),
    state.part !== "q" && select(say("qkv.asked"), named(scene.answers), keyOf(context, state), (i) => set({ key: Number(i) })),
    !scene.timed && select(say("qkv.asker"), named(scene.asks), state.asker, (i) => set({ asker: Number(i) })),
  ];
}

/** The key whose k or v is cut: the chosen one, or the one that the chosen head looks at most. */
function keyOf(context, { scene, key, asker }) {
  if (key !== null && key < scene.answers.length) return key;
  const r = askingRow(context, scene, asker);
  return r === null ? 0 : favourite(scene.attention, scene.head, r);
}

// -- shapes -----------------------------------------------------------------------------------------------------------

/** The shapes that the trace recorded, in order; a split is two moves, and both are shown. */
function shapes(context, scene) {
  const { say } = context;
  const lines = scene.attention.shapes.map(([name, sizes]) => {
    const split = name.startsWith("split") && sizes.length === 4;
    const [b, heads, t, width] = sizes;
    const shown = split ? [shape(b, t, heads * width), shape(b, t, heads, width), shape(...sizes)] : [shape(...sizes)];
    const key = `heads.at.${name.split(" ")[0]}`;
    const what = say(key);
    return h("tr", {}, h("th", { scope: "row" }, name), h("td.formula", {}, shown.join(" → ")), h("td", {}, what === key ? "" : what));
  });
  return [
    h("div.scroll", { tabindex: "0" }, h("table.shapes", {}, h("tbody", {}, lines))),
    scene.stepwise && h("p.fine", {}, say("heads.onerow")),
    codeLine(context, "split"),
    codeLine(context, "merge"),
  ];
}
