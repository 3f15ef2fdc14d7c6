/* Steps of gradient descent on a copy of the weights: p(label) of each row, the gradient in each box of the figure, and
   what else changed. Teaches nothing: it draws what the trace holds. */

import { h, swap, select, table, word, number, percent } from "../drawing/dom.js";
import { exact, fixed } from "../drawing/written.js";
import { standIn } from "../frame/standin.js";
import { asking } from "../drawing/asking.js";
import { iterationOf } from "../lesson/numbers.js";
import { command } from "../break/result.js";

const BAR = 120; // px

const STEPS = [1, 2, 3, 5, 10, 20];

export function teach(context) {
  if (typeof context.options.fetchTried !== "function") return drawn(context);
  const { trace, say } = context;
  const place = h("div", { "aria-live": "polite" }, trace.taught ? drawn(context) : promised(context));
  let steps = 5;
  const pick = select(say("teach.steps"), STEPS.map((n) => [n, String(n)]), steps, (n) => {
    steps = Number(n);
  });
  const form = asking(context, say("teach.tab"), pick, () => ({ teach: steps }), (found) => {
    trace.taught = found.taught;
    swap(place, drawn(context));
  });
  return h("div", {}, form, place);
}

/** What a step will do, before one is made. */
function promised({ trace, say }) {
  const found = iterationOf(trace);
  return found && h("p.lead", {}, say("teach.lead", found));
}

function drawn(context) {
  const { trace, say } = context;
  const { taught } = trace;
  if (!taught) return h("div.teach-view", {}, h("p.missing", {}, say("teach.missing")), command(trace.source.text, " --reference '…' --teach 5 -o page.html"));
  const count = taught.norms.length;
  const values = { rate: taught.rate, weights: taught.weights.toLocaleString("en"), count, n: count };
  return h(
    "div.teach-view",
    {},
    h("p.lead", {}, say("teach.lead", values)),
    standIn(context),
    h("h3", {}, say("teach.rows")),
    rows(context, taught),
    h("p", {}, moved(say, taught)),
    h("h3", {}, say("teach.boxes")),
    boxes(context, taught),
    h("p.fine", {}, say("teach.boxes.what")),
    h("h3", {}, say("teach.others")),
    others(context, taught),
    h("p.fine", {}, say("teach.kept", { share: number(100 * taught.moved, 2) })),
  );
}

function rows({ say }, { rows: all, loss }) {
  const [fed, label, mean] = say("teach.heads").split("|");
  const moments = loss.map((_, n) => (n ? say("teach.after", { count: n, n }) : say("teach.start")));
  const made = all.map((row) => [String(row.t), word(row.input.piece), word(row.label.piece), ...row.p.map(chance)]);
  return table(["t", fed, label, ...moments], [...made, ["", "", h("b", {}, mean), ...loss.map((x) => h("b", {}, fixed(x, 2)))]], { class: "taught-rows" });
}

/** The deeper the colour, the surer. */
function chance(p) {
  return h("span.chance", { css: { "--p": `${Math.round(100 * p)}%` } }, percent(p));
}

function moved(say, { loss, norms }) {
  const flatter = norms.length === 1 || norms.at(-1) < norms[0];
  const way = loss.at(-1) > loss[0] ? "up" : flatter ? "down" : "steep";
  return say(`teach.loss.${way}`, { count: norms.length, was: exact(loss[0]), now: exact(loss.at(-1)), first: exact(norms[0]), last: exact(norms.at(-1)) });
}

function boxes({ say }, taught) {
  const [name, first, last] = say("teach.boxes.heads").split("|");
  const most = Math.max(...taught.boxes.map((box) => box.norms[0]), 1e-12);
  const once = taught.norms.length === 1; // the first step is the last
  const made = taught.boxes.map((box) => [h("code", {}, box.name), bar(box.norms[0], most), !once && bar(box.norms.at(-1), most)].filter(Boolean));
  return table(once ? [name, first] : [name, first, last], made, { class: "taught-boxes" });
}

function bar(value, most) {
  return h("div.norm-bar", {}, h("i", { css: { width: `${Math.max(1, (value / most) * BAR)}px` } }), h("span", {}, exact(value)));
}

function others({ say }, { own, others: rest }) {
  const line = (one) => {
    const changed = one.before !== one.after;
    return [word(one.text), word(one.before), h(changed ? "b" : "span", {}, word(one.after, changed ? "other" : ""))];
  };
  const changed = rest.filter((one) => one.before !== one.after).length;
  const key = rest.length === 0 ? "teach.others.none" : changed ? "teach.others.changed" : "teach.others.same";
  return [table(say("teach.others.heads").split("|"), [own, ...rest].map(line), { class: "taught-others" }), h("p", {}, say(key, { n: changed, all: rest.length }))];
}
