/* Positions: the table that is added (or, of rotary ones, turned by), one column of it as a curve, how alike positions
 * are, and how long a position is beside a word. The numbers come from positions-table.js. */

import { h, s, swap, number, word, table } from "../drawing/dom.js";
import { row, norm, reach } from "../trace/tensor.js";
import { matrix } from "../drawing/heat.js";
import { panel } from "../drawing/panel.js";
import { codeLine } from "../drawing/arithmetic.js";
import { twins } from "./twins.js";
import { positionTable, alike } from "./table.js";

const WAVE = 20; // positions: the column that is first shown has about this wavelength
const ALIKE = 40; // positions whose likeness is drawn
// The sentence about dot products, of positions that have one of their own.
const LIKENESS = { sinusoidal: "sinusoidal", fairseq: "sinusoidal", rotary: "rotary", grid: "grid" };

export function positions(context) {
  const { store, say, trace } = context;
  const places = positionTable(trace);
  if (!places) return h("div.positions", {}, h("p.lead", {}, say("positions.none")), twins(context));
  const far = Array.from({ length: places.D }, (_, c) => Math.abs(Math.log(places.wavelength(c) / WAVE)));
  const state = { pinned: [0, far.indexOf(Math.min(...far))] };
  const [formula, curves, lengths] = [h("div.formula-of", { "aria-live": "polite" }), h("div"), h("div", { "aria-live": "polite" })];
  const show = (at) => {
    const [position, column] = at ?? state.pinned;
    swap(formula, worked(context, places, position, column));
    swap(curves, curve(context, places, position, column));
    swap(lengths, lengthsAt(context, places, position));
  };
  const picture = heat(context, places, show, (at) => {
    state.pinned = at;
    picture.mark(at);
    show(at);
  });
  context.watch(["t", "mode"], () => {
    state.pinned = [Math.max(0, Math.min(store.t, places.rows - 1)), state.pinned[1]];
    picture.frame({ row: state.pinned[0] });
    show(state.pinned);
  });
  return h(
    "div.positions",
    {},
    h("p.lead", {}, say(`positions.lead.${places.kind}`, { name: places.name })),
    trace.removed === "positions" && h("p.warn", {}, say("positions.removed")),
    h("div.table-of", {}, picture.element, axis(context, places)),
    checked(context, places),
    formula,
    curves,
    h("h3", {}, say("positions.lengths")),
    lengths,
    h("h3", {}, say("positions.alike")),
    likeness(context, places),
    twins(context),
    places.waves && codeLine(context, "positions"),
    codeLine(context, "embedding"),
  );
}

function heat(context, places, show, pin) {
  const picture = panel(context.palette, {
    rows: places.rows,
    cols: places.D,
    value: places.at,
    kind: "signed",
    reach: places.most,
    high: Math.max(90, Math.min(340, places.rows * 14)),
    label: context.say("positions.label", { n: places.rows, d: places.D }),
    onPoint: (r, c) => show(r === null ? null : [r, c]),
    onPick: (r, c) => pin([r, c]),
  });
  picture.cover(places.rows > places.N ? places.N : null);
  return picture;
}

/** The formula against what was stored; the rows beyond this sentence are computed by it alone. */
function checked(context, places) {
  if (!places.waves) return null;
  return h("p.fine", {}, context.say("positions.formula.error", { n: places.N, all: places.rows, error: number(places.error, 4) }));
}

/** From the fast columns on the left to the slow ones on the right. */
function axis(context, places) {
  const { say } = context;
  const plain = ["0", say("positions.column"), String(places.D - 1)];
  if (!places.waves) return h("p.axis", {}, plain.map((text) => h("span", {}, text)));
  return h(
    "p.axis",
    {},
    h("span", {}, say("positions.fast", { wave: number(places.wavelength(0), 1) })),
    h("span", {}, say("positions.slow", { wave: Math.round(places.wavelength(places.D - 1)).toLocaleString("en") })),
  );
}

/** One cell, with its own numbers in the formula. */
function worked(context, places, position, column) {
  const { say } = context;
  const inTrace = position < places.N ? `${say("positions.stored")} ${number(places.at(position, column))}` : say("positions.beyond", { n: places.N });
  const where = h("p", {}, h("b", {}, say("positions.cell", { position, column })), ` · ${inTrace}`);
  if (!places.waves) return where;
  const even = 2 * Math.floor(column / 2);
  const name = column % 2 ? "cos" : "sin";
  const of = (x) => `${name}(${x})`;
  const numbers = [
    of(`${position} / 10000^(${even}/${places.D})`),
    of(`${position} / ${number(places.divisor(column))}`),
    of(number(places.angle(position, column))),
    number(places.formula(position, column)),
  ];
  const lines = [`PE(pos, 2i${column % 2 ? "+1" : ""}) = ${of(`pos / 10000^(2i/${places.D})`)}`, numbers.join(" = ")];
  const wave = { wave: number(places.wavelength(column), 1), i: even / 2, angle: number(places.angle(position, column)) };
  return [
    where,
    lines.map((line) => h("p.formula", {}, line)),
    h("p", {}, say(`positions.wave.${places.kind}`, wave)),
  ];
}

// -- a column as a curve -----------------------------------------------------------------------------------------------

function curve(context, places, position, column) {
  const [wide, tall, rim] = [640, 150, 10];
  const x = (at) => rim + (at / Math.max(1, places.rows - 1)) * (wide - 2 * rim);
  const y = (value) => tall / 2 - (value / places.most) * (tall / 2 - rim);
  const partner = !places.waves ? null : column % 2 ? column - 1 : column + 1;
  const value = (at, c) => (Number.isInteger(at) ? places.at(at, c) : places.formula(at, c));
  const line = (c) => {
    const step = !places.waves ? 1 : 0.125;
    const points = Array.from({ length: (places.rows - 1) / step + 1 }, (_, i) => i * step);
    return points.map((at, i) => `${i ? "L" : "M"}${x(at).toFixed(1)} ${y(value(at, c)).toFixed(1)}`).join("");
  };
  const label = context.say("positions.curve", { column, partner: partner ?? "" });
  return h(
    "figure",
    {},
    h("figcaption", {}, h("span.key-solid", {}, context.say("positions.column.n", { column })),
      partner !== null && h("span.key-dashed", {}, context.say("positions.column.n", { column: partner }))),
    s(
      "svg.curve",
      { viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": label },
      s("line.zero", { x1: rim, x2: wide - rim, y1: tall / 2, y2: tall / 2 }),
      s("line.here", { x1: x(position), x2: x(position), y1: 2, y2: tall - 2 }),
      partner !== null && s("path.partner", { d: line(partner) }),
      s("path", { d: line(column) }),
      Array.from({ length: Math.min(places.N, places.rows) }, (_, r) => s("circle", { cx: x(r), cy: y(places.at(r, column)), r: r === position ? 4.5 : 2.2 })),
    ),
  );
}

// -- how long a position is beside a word --------------------------------------------------------------------------------

function lengthsAt(context, places, position) {
  const { say, model, store } = context;
  const embedding = model.pass(store.mode).embedding;
  if (!embedding) return h("p.hint", {}, say("positions.noembedding"));
  const lines = [
    ["source", model.source, "memory"],
    ["target", model.fed(store.mode), "fed"],
  ].map(([side, tokens, kind]) => {
    if (position >= embedding[side].sum.shape[0]) return [say(`positions.${side}`), say("positions.nothing"), "", "", "", ""];
    const sizes = ["token", "scaled", "positions", "sum"].map((part) => norm(row(embedding[side][part], position)));
    return [say(`positions.${side}`), word(tokens[position].piece, kind), ...sizes.map((size) => number(size, 2))];
  });
  const names = ["token", "scaled", "position", "sum"].map((name) => say(`positions.${name}`));
  const head = [say("positions.at", { position }), say("words.word"), ...names];
  const means = { ...meanLengths(embedding.source), d: model.config.d_model };
  const added = Number(means.place) === 0 ? "positions.lengths.zero" : "positions.lengths.said";
  const inside = ["rotary", "alibi"].includes(places.kind); // order comes in within the attentions
  const key = inside ? `positions.lengths.${places.kind}` : added;
  const shorter = key === "positions.lengths.said" && Number(means.token) < Number(means.place);
  return [table(head, lines, { class: "lengths" }), h("p", {}, say(key, means)), shorter && h("p", {}, say("positions.lengths.shorter", means))];
}

function meanLengths(parts) {
  const count = parts.sum.shape[0];
  const mean = (part) => Array.from({ length: count }, (_, i) => norm(row(parts[part], i))).reduce((a, b) => a + b, 0) / count;
  return { token: number(mean("token"), 2), scaled: number(mean("scaled"), 2), place: number(mean("positions"), 2) };
}

// -- how alike positions are ----------------------------------------------------------------------------------------------

function likeness(context, places) {
  const { say, palette } = context;
  const count = Math.min(ALIKE, places.rows);
  const { products, spans } = alike(places, count);
  const names = Array.from({ length: count }, (_, i) => String(i));
  const readout = h("p.readout", { "aria-live": "polite" }, say("positions.alike.hint"));
  const said = (r, c) => {
    const apart = Math.abs(r - c);
    const [low, high] = spans[apart].map((x) => number(x, 2));
    return say(low === high ? "positions.alike.same" : "positions.alike.range", { r, c, apart, x: number(products[r][c], 2), low, high });
  };
  const picture = matrix(palette, {
    rows: names,
    cols: names,
    value: (r, c) => products[r][c],
    kind: "signed",
    reach: reach(...products),
    most: 16,
    width: Math.min(560, context.width()),
    label: say("positions.alike"),
    onPoint: (r, c) => r !== null && swap(readout, said(r, c)),
  });
  return h("div", {}, h("p", {}, say(`positions.alike.${LIKENESS[places.kind] ?? "learned"}`)), h("div.scroll", {}, picture.element), readout,
    count < places.rows && h("p.limit", {}, say("page.limit", { n: count, all: places.rows })));
}
