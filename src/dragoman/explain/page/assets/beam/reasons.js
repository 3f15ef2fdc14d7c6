/* Why a node of the beam lived or died, and the arithmetic of its score, in words. Draws only into the drawer. */

import { h, button, number, percent, table, word, visible } from "../drawing/dom.js";
import { codeLine } from "../drawing/arithmetic.js";
import { told } from "../drawing/told.js";
import { pathTo, starved } from "./layout.js";

const TERMS = 6; // terms of a sum written out

// The trace says why in English; these are its sentences.
const REASONS = [
  [/^the sentence begins$/, "root"],
  [/^it ends here, rank (\d+) of a beam of (\d+)$/, "ended"],
  [/^it ends here, but rank (\d+) is outside a beam of (\d+)$/, "outside"],
  [/^the length limit cut it off$/, "cut"],
  [/^rank (\d+), kept in a beam of (\d+)$/, "kept"],
  [/^the search was over: nothing that still grew could win$/, "over"],
  [/^rank (\d+) of a beam of (\d+)$/, "pruned"],
  [/^no other ending has a better score$/, "best"],
];

/** The reason of a node in the language of the page; one that is not known here stays as it is. */
export function reason(say, why) {
  const parts = why.split("; ").filter(Boolean).map((part) => {
    for (const [pattern, key] of REASONS) {
      const found = pattern.exec(part);
      if (found) return say(`beam.why.${key}`, { rank: found[1], width: found[2] });
    }
    return part;
  });
  return parts.join(say("beam.why.join"));
}

/** What became of a node, beyond the reason: kept and then left without a successor, or never looked at again. */
function after(context, plan, node) {
  if (node.state === "live" && plan.winning.has(node.id)) return context.say("beam.leads");
  if (!starved(plan, node)) return null;
  const last = plan.columns[plan.columns.length - 1].t;
  return context.say(node.t === last ? "beam.open" : "beam.starved");
}

/** Opens the drawer on a node: the words up to it, their log-probabilities, and what they come to. */
export function openNode(context, plan, node) {
  const { say, store } = context;
  const path = pathTo(plan.byId, node).slice(1);
  const last = context.model.length("inference") - 1;
  const drawn = context.trace.inference.options.sample && node.t >= 0;
  const then = after(context, plan, node);
  let total = 0;
  const rows = path.map((one) => {
    total += one.logp;
    return [String(one.t), word(one.token.piece, "said"), percent(Math.exp(one.logp)), number(one.logp, 3), number(total, 3)];
  });
  context.drawer(
    h("h3", {}, say(`beam.state.${node.state}`), " · ", h("bdi", {}, visible(node.token.piece))),
    node.why && h("p", {}, drawn ? say("beam.why.drawn") : reason(say, node.why)),
    then && h("p", {}, then),
    path.length > 0 && table(["t", say("words.word"), "p", "log p", say("beam.total")], rows),
    path.length > 0 && arithmetic(context, node, path),
    node.t >= 0 && button(say("beam.go", { t: Math.min(node.t, last) }), () => store.set({ t: Math.min(node.t, last), mode: "inference", playing: false })),
    codeLine(context, "beam"),
    codeLine(context, "score"),
  );
}

function arithmetic(context, node, path) {
  const { say, trace } = context;
  const a = trace.inference.options.length_penalty;
  const terms = path.slice(0, TERMS).map((one) => number(one.logp, 3));
  const more = path.length > TERMS ? say("beam.more.terms", { n: path.length - TERMS }) : "";
  const sum = path.reduce((all, one) => all + one.logp, 0);
  const steps = [
    h("li", {}, h("span.formula", {}, `${terms.join(" + ")}${more} = `), h("b", {}, number(sum, 3)), ` · ${say("cell.stored")} ${number(node.total, 3)}`),
  ];
  if (node.score === null || a === undefined) return [h("ol.steps", {}, steps), h("p", {}, say("beam.unscored"))];
  const power = path.length ** a;
  steps.push(
    h("li", {}, say("beam.tokens", { n: path.length, a })),
    h("li", {}, h("span.formula", {}, `${number(node.total, 3)} / ${path.length}^${a} = ${number(node.total, 3)} / ${number(power, 2)} = `),
      h("b", {}, number(node.total / power, 4)), ` · ${say("cell.stored")} ${number(node.score, 4)}`),
  );
  return h("ol.steps", {}, steps);
}

/** Why the winner won: alone, by score and total both, or only because totals are divided by length. */
export function victory(context, ended, text) {
  const { say, trace } = context;
  const a = trace.inference.options.length_penalty;
  const [won, ...others] = ended;
  if (!won) return null;
  if (others.length === 0) return h("p", {}, say("beam.won.alone"));
  const likely = [...ended].sort((x, y) => y.total - x.total)[0];
  const values = { text: word(text(won), "said"), other: word(text(likely), "said"), a, total: number(won.total, 2), least: number(likely.total, 2) };
  if (likely === won) return h("p", {}, told(say, "beam.won.both", { ...values, score: number(won.score, 3), n: ended.length }));
  return h("p", {}, told(say, "beam.won.penalty", { ...values, n: won.t + 1, m: likely.t + 1 }));
}

/** Where greedy search would have left the winner's path. */
export function greedy(context, plan) {
  const { say, trace } = context;
  const { options, steps } = trace.inference;
  // Under these the most probable word may have been forbidden, and a forced one (log p 0) was nobody's choice.
  if (options.sample || options.no_repeat_ngram || options.min_length || options.beam_size === 1 || !plan.winner) return null;
  const path = pathTo(plan.byId, plan.winner).slice(1);
  const forced = path.some((node, t) => node.logp === 0 && steps[t]?.chosen.rank > 1);
  if (forced) return null;
  const off = steps.find((step) => step.chosen.rank > 1);
  if (!off) return h("p", {}, say("beam.greedy.same"));
  const values = { t: off.t, word: word(off.chosen.piece, "said"), rank: off.chosen.rank, best: word(off.top[0].piece) };
  return h("p", {}, told(say, "beam.greedy.other", values));
}
