/* The arithmetic of one cell, with its real numbers and the line of code that computes it. Draws into the drawer. */

import { h, number, word, percent, table } from "./dom.js";
import { row, dot, softmax, read } from "../trace/tensor.js";
import { strip } from "./heat.js";

const TERMS = 6; // terms of a sum written out; the rest is in the strip

export function codeLine(context, part) {
  const place = context.code[part] ?? null;
  return place && h("p.code", {}, context.say("words.code"), " ", h("code", {}, `dragoman/${place}`));
}

export function place(context, where) {
  return where && h("p.code", {}, context.say("words.code"), " ", h("code", {}, where.startsWith("dragoman/") ? where : `dragoman/${where}`));
}

/** All numbers of one query and its keys: from q and k to the mixed value. */
export function ofRow(attention, head, r) {
  const width = attention.q.shape[2];
  const allowed = attention.allowed?.[r] ?? null;
  const scores = row(attention.scores, head, r);
  const weights = row(attention.weights, head, r);
  const bias = attention.bias ? row(attention.bias, head, r) : null; // what positions such as ALiBi's add
  const scaled = Array.from(scores, (x, c) => x * attention.scale + (bias ? bias[c] : 0));
  return { width, allowed, scores, bias, scaled, weights, q: row(attention.q, head, r), output: row(attention.output, head, r) };
}

/** Opens the drawer on cell (r, c) of a head. `rows`, `cols` are the names. */
export function openCell(context, attention, head, r, c, rows, cols) {
  const { say, palette } = context;
  const { width, allowed, scores, bias, scaled, weights, q } = ofRow(attention, head, r);
  const k = row(attention.k, head, c);
  const hidden = allowed && !allowed[c];
  const product = q.map((x, i) => x * k[i]);
  const biggest = Array.from(product, (x, i) => [Math.abs(x), i]).sort((a, b) => b[0] - a[0]).slice(0, TERMS);
  const most = Math.max(...Array.from(q, Math.abs), ...Array.from(k, Math.abs));
  const wide = Math.min(340, Math.max(192, context.width() - 120)); // the drawer is no wider
  const band = (label, values, reach) =>
    h("div.band", {}, h("span", {}, label), strip(palette, values, { width: wide, reach, label }));
  const top = Math.max(...scaled.filter((_, i) => !allowed || allowed[i]));
  const sum = scaled.reduce((all, x, i) => all + (!allowed || allowed[i] ? Math.exp(x - top) : 0), 0);
  context.drawer(
    h("h3", {}, `${attention.name} · ${say("words.head")} ${head + 1}`),
    h("p", {}, say("cell.asks", {}), " ", word(rows[r], "fed"), " → ", say("cell.asked"), " ", word(cols[c], "memory")),
    band(`q ${say("words.from")} ${attention.q_from}`, q, most),
    band(`k ${say("words.from")} ${attention.k_from}`, k, most),
    band("q × k", product, Math.max(...product.map(Math.abs))),
    h(
      "ol.steps",
      {},
      h("li", {}, formula("q · k = ", biggest.map(([, i]) => `${number(q[i], 2)}×${number(k[i], 2)}`).join(" + ")), ` + … (${width} ${say("cell.terms")}) = `,
        h("b", {}, number(dot(q, k), 2)), ` · ${say("cell.stored")} ${number(scores[c], 2)}`),
      h("li", {}, `${number(scores[c], 2)} × ${number(attention.scale, 4)} (1/√${width})${bias ? ` + ${number(bias[c], 3)} (${say("cell.bias")})` : ""} = `,
        h("b", {}, number(scaled[c], 3))),
      h("li", {}, say(hidden ? "cell.hidden" : "cell.open", { mask: say(`mask.${attention.mask}`) })),
      hidden
        ? h("li", {}, say("cell.zero"))
        : h("li", {}, `softmax: exp(${number(scaled[c], 2)} − ${number(top, 2)}) / Σ = ${number(Math.exp(scaled[c] - top), 3)} / ${number(sum, 3)} = `,
            h("b", {}, number(softmax(scaled, allowed)[c], 4)), ` · ${say("cell.stored")} ${number(weights[c], 4)}`),
      h("li", {}, say("cell.value", { p: percent(weights[c]) })),
    ),
    h("p.fine", {}, say("cell.half")),
    place(context, attention.code),
  );
}

function formula(...parts) {
  return h("span.formula", {}, parts);
}

/** How the output of a head is mixed: the k-th number of it as a weighted sum over the keys. */
export function openMix(context, attention, head, r, feature, cols) {
  const { say } = context;
  const weights = row(attention.weights, head, r);
  const output = row(attention.output, head, r);
  const { shape } = read(attention.v);
  const rows = Array.from({ length: shape[1] }, (_, c) => [weights[c], row(attention.v, head, c)[feature], c])
    .sort((a, b) => b[0] - a[0])
    .slice(0, 12)
    .map(([weight, value, c]) => [word(cols[c], "memory"), number(weight, 3), number(value, 3), number(weight * value, 3)]);
  context.drawer(
    h("h3", {}, `${attention.name} · ${say("words.head")} ${head + 1} · ${say("mix.feature", { n: feature })}`),
    table([say("words.word"), say("words.weight"), "v", "×"], rows),
    h("p", {}, say("mix.sum"), " ", h("b", {}, number(output[feature], 3))),
    place(context, attention.code),
  );
}
