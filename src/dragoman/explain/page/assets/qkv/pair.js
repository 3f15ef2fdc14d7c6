/* One pair in numbers: all K products q_i k_i of a question and a key, the largest named, and their sum. */

import { h, s, swap, number, button } from "../drawing/dom.js";
import { row, dot } from "../trace/tensor.js";
import { openCell } from "../drawing/arithmetic.js";
import { asked, asking } from "./scene.js";

const WIDE = 448; // units of the drawing; more where products would get narrower than NARROWEST
const NARROWEST = 7;
const TALL = 96;
const NAMED = 3;
const ROOM = 58; // units that a name covers

/** Gives { element, show(r, c) }: r or c null empties it. */
export function pair(context, scene) {
  const element = h("section.pair", { "aria-live": "polite" });
  return { element, show: (r, c) => swap(element, r === null || c === null ? null : terms(context, scene, r, c)) };
}

function terms(context, scene, r, c) {
  const { say } = context;
  const { attention, head } = scene;
  const [q, k] = [row(attention.q, head, r), row(attention.k, head, c)];
  const products = Array.from(q, (x, i) => x * k[i]);
  const order = products.map((x, i) => [Math.abs(x), i]).sort((a, b) => b[0] - a[0]).map(([, i]) => i);
  const sum = (keep) => products.reduce((all, x) => all + (keep(x) ? x : 0), 0);
  const first = order[0];
  const one = (i) => `${number(q[i], 2)} × ${number(k[i], 2)}`;
  const values = {
    n: products.length,
    i: first,
    product: `${one(first)} = ${signed(products[first])}`,
    plus: signed(sum((x) => x > 0)),
    minus: signed(sum((x) => x < 0)),
  };
  return [
    h("h4", {}, asking(scene, r), " · ", asked(scene, c), ` ${say("qkv.pair")} `, h("b", {}, number(dot(q, k), 2))),
    bars(context.palette, products, order, say("qkv.pair.label", values)),
    h("p", {}, say("qkv.pair.said", values), " ", h("b", {}, number(dot(q, k), 2)),
      ` · ${say("cell.stored")} ${number(row(attention.scores, head, r)[c], 2)}`),
    written(say("qkv.pair.all", values), () => `${products.map((_, i) => `(${one(i)})`).join(" + ")} = ${number(dot(q, k), 2)}`),
    button(say("qkv.pair.open"), () => openCell(context, attention, head, r, c, scene.asks, scene.answers), { class: "inline" }),
  ];
}

/** All the terms take long to lay out, so they are written when they are asked for. */
function written(title, text) {
  const formula = h("p.formula");
  const open = (event) => event.target.open && swap(formula, text());
  return h("details", { on: { toggle: open } }, h("summary", {}, title), formula);
}

function signed(x) {
  return `${x >= 0 ? "+" : ""}${number(x, 2)}`;
}

function bars(palette, products, order, label) {
  const most = Math.max(1e-9, ...products.map(Math.abs));
  const middle = TALL / 2;
  const room = middle - 12;
  const step = Math.max(NARROWEST, WIDE / products.length);
  const wide = step * products.length;
  const named = apart(order, ROOM / step);
  return h(
    "div.scroll",
    {},
    s(
      "svg.products",
      { viewBox: `0 0 ${wide} ${TALL}`, role: "img", "aria-label": label },
      products.map((x, i) => {
        const tall = Math.max(0.6, (Math.abs(x) / most) * room);
        const y = x >= 0 ? middle - tall : middle;
        const fill = palette.signedCss(Math.sign(x) * 0.7, 1);
        return [
          s("rect", { x: i * step + 0.5, y, width: step - 1, height: tall, fill }, s("title", {}, `i = ${i}: ${signed(x)}`)),
          named.has(i) && name((i + 0.5) * step, x >= 0 ? y - 2 : y + tall + 8, wide, `${i}: ${signed(x)}`),
        ];
      }),
      s("line", { x1: 0, x2: wide, y1: middle, y2: middle }),
    ),
  );
}

/** The largest products that have room for a name beside each other. */
function apart(order, room) {
  const named = new Set();
  for (const i of order.slice(0, 2 * NAMED)) {
    const free = [...named].every((other) => Math.abs(other - i) > room);
    if (named.size < NAMED && free) named.add(i);
  }
  return named;
}

/** Names at the rim stay inside the drawing. */
function name(x, y, wide, text) {
  const half = ROOM / 2;
  const anchor = x < half ? "start" : x > wide - half ? "end" : "middle";
  return s("text", { x, y, "text-anchor": anchor }, text);
}
