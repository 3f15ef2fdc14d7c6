/* What the layers view says in words, from the numbers of the word that is looked at. Draws nothing. */

import { h, word, number, percent } from "../drawing/dom.js";
import { told } from "../drawing/told.js";
import { ratio, turn, at, ranked, along, spread } from "./numbers.js";

export const short = (x) => number(x, 2);
export const whole = (x) => (x === 0 ? "0" : number(x, x < 10 ? 1 : 0));
export const share = (x) => (x === 0 ? "0" : percent(x));

function named(view, i) {
  return i === null ? "" : word(view.labels[i], view.stack === "encoder" ? "memory" : "fed");
}

/** Which sublayer of this layer, and of the whole stack, moves this word most; at null, the mean of all words. */
export function most(view, i) {
  const { say, store } = view.context;
  const [first, ...others] = ranked(view.parts.filter(({ layer }) => layer === view.layer), i);
  const one = ({ name, residual }) => say("layers.times", { name: view.long(name), ratio: short(ratio(residual, i)) });
  const values = {
    word: named(view, i),
    t: store.t,
    layer: view.layer + 1,
    name: view.long(first.name),
    ratio: short(ratio(first.residual, i)),
    turn: number(turn(first.residual, i), 0),
    others: others.map(one).join(say("layers.comma")),
  };
  const [top] = ranked(view.parts, i);
  const over = {
    n: view.parts.length,
    name: view.long(top.name),
    layer: top.layer + 1,
    ratio: short(ratio(top.residual, i)),
  };
  const key = i === null ? "layers.said.mean" : `layers.said.${view.stack}`;
  return [h("p", {}, told(say, key, values)), h("p", {}, say(i === null ? "layers.said.all.mean" : "layers.said.all", over))];
}

/** Why the two sides may have other numbers of layers than the paper's six. */
export function howMany({ say, trace }) {
  const { encoder_layers: e, decoder_layers: d } = trace.model.config;
  return say(`layers.depth.${d < e ? "shallow" : "even"}`, { e, d, passes: trace.inference.decoder_passes });
}

/** How long the stream is as it enters the stack and as it leaves. */
export function grown(view, i) {
  const lines = i === null ? view.labels.map((_, n) => along(view.parts, n)) : [along(view.parts, i)];
  const mean = (pick) => lines.reduce((sum, line) => sum + pick(line), 0) / lines.length;
  const values = { from: whole(mean((line) => line[0])), to: whole(mean((line) => line[line.length - 1])), word: named(view, i) };
  return told(view.context.say, i === null ? "layers.grown.mean" : "layers.grown", values);
}

/** How many inner units of the feed-forward network answer to this word. */
export function fired(view, i) {
  const { say, model } = view.context;
  const { active } = view.pass[view.stack][view.layer].feed_forward;
  const { low, middle, high } = spread(active);
  const values = {
    word: named(view, i),
    share: share(at(active, i)),
    n: model.config.d_ff ?? "…",
    low: share(low),
    middle: share(middle),
    high: share(high),
  };
  return told(say, i === null ? "layers.fired.mean" : "layers.fired", values);
}
