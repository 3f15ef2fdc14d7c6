/* Question 2, "Who asks (Q), who answers (K, V)?", on one head with its numbers. Holds the order of the parts and what
 * moves with the time step; the picture, the row, the pair and the reasons have files of their own. */

import { h, swap, select } from "../drawing/dom.js";
import { row } from "../trace/tensor.js";
import { picker } from "../attention/view.js";
import { sceneOf, hasHeads, askingRow } from "./scene.js";
import { flow } from "./flow.js";
import { questionRow } from "./row.js";
import { pair } from "./pair.js";
import { reasons } from "./why.js";

export function qkv(context) {
  const { store, say } = context;
  if (!hasHeads(context)) return h("p.lead", {}, say("qkv.none"));
  const state = { asker: 0, shown: null };
  const [origin, picture, who, work, why] = [h("p.answer"), h("div"), h("div"), h("div"), h("div")];
  const note = h("p.hint");
  context.watch(["mode", "kind", "layer", "head"], () => {
    const scene = sceneOf(context);
    state.asker = Math.min(state.asker, scene.asks.length - 1);
    state.shown = parts(context, scene);
    swap(origin, answer(context, scene));
    swap(picture, state.shown.flow.element, scene.stepwise && h("p.fine", {}, say("qkv.pale")));
    swap(work, state.shown.row.element, state.shown.pair.element);
    swap(who, scene.timed ? null : asker(context, scene, state, () => step(context, state, note)));
    swap(why, scene.cut && h("p.limit", {}, say("page.limit", kept(scene))), reasons(context, scene));
    step(context, state, note);
  });
  context.watch(["t"], () => step(context, state, note));
  return h(
    "div.qkv",
    {},
    h("p.lead", {}, say("qkv.lead")),
    picker(context),
    origin,
    picture,
    h("h3", {}, say("qkv.row")),
    who,
    note,
    work,
    why,
  );
}

function kept(scene) {
  const short = scene.asks.length < scene.T;
  return short ? { n: scene.asks.length, all: scene.T } : { n: scene.answers.length, all: scene.S };
}

/** The three parts of one head; pointing at a key in the row lights it in the picture and works out the pair. */
function parts(context, scene) {
  const shown = { scene, flow: flow(context, scene), pair: pair(context, scene), r: null };
  shown.row = questionRow(context, scene, (c) => point(shown, c));
  return shown;
}

function point(shown, c) {
  const key = c ?? strongest(shown);
  if (key === shown.key) return;
  shown.key = key;
  shown.flow.point(key);
  shown.row.light(key);
  shown.pair.show(shown.r, key);
}

/** Where nobody points, the key that this row looked at most. */
function strongest({ scene, r }) {
  if (r === null) return null;
  const weights = row(scene.attention.weights, scene.head, r);
  return weights.indexOf(Math.max(...weights));
}

function step(context, state, note) {
  const { shown } = state;
  const { say, store } = context;
  const { scene } = shown;
  const r = askingRow(context, scene, state.asker);
  shown.r = r;
  shown.flow.step(r);
  shown.row.step(r);
  shown.key = undefined;
  point(shown, null);
  const missing = store.t < 0 ? "qkv.notyet" : "qkv.notkept";
  const there = scene.timed ? "qkv.row.hint" : "qkv.row.hint.untimed";
  swap(note, say(r === null ? missing : there, { t: store.t, n: scene.S }));
}

/** The encoder's rows are words of one sentence, all at once: no time step names one. */
function asker(context, scene, state, changed) {
  const items = scene.asks.map((text, i) => [i, `${i} ${text}`]);
  return select(context.say("qkv.asker"), items, state.asker, (i) => {
    state.asker = Number(i);
    changed();
  });
}

function answer(context, scene) {
  const { say } = context;
  const { attention } = scene;
  const values = { q: attention.q_from, k: attention.k_from, v: attention.v_from };
  const alike = attention.q_from === attention.k_from && attention.k_from === attention.v_from;
  const swapped = attention.kind === "cross" && attention.q_from === "memory";
  return h("b", {}, say(alike ? "qkv.alike" : swapped ? "qkv.swapped" : "qkv.parted", values));
}
