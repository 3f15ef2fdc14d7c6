/* The way of Q, K and V as a picture: the stream each comes from, its projection, its matrix, and what they make
 * together. Arrows wear the colour of their origin, which the trace names. Works out no number. */

import { h, s, swap } from "../drawing/dom.js";
import { read, row, reach } from "../trace/tensor.js";
import { panel } from "../drawing/panel.js";
import { sideOf, shape, asking } from "./scene.js";

const SIDES = ["q", "k", "v"];
const TALLEST = 132; // px that the taller of the matrices fills

/** Gives { element, step(r), point(c) }. */
export function flow(context, scene) {
  const { say } = context;
  const { attention, head } = scene;
  const width = attention.q.shape[2];
  const line = Math.max(2, Math.min(13, Math.floor(TALLEST / Math.max(scene.asks.length, scene.answers.length))));
  const most = { q: reachOf(attention, head, "q"), k: reachOf(attention, head, "k"), v: reachOf(attention, head, "v") };
  const picture = (part, count, kind = "signed", cols = width) =>
    panel(context.palette, {
      rows: count,
      cols,
      value: cells(attention, head, part),
      kind,
      reach: part === "output" ? most.v : most[part],
      high: Math.max(8, line * count),
      label: say("qkv.picture", { part, rows: count, cols }),
      masked: part === "weights" ? (r, c) => Boolean(attention.allowed && !attention.allowed[r]?.[c]) : null,
    });
  const [T, S] = [scene.asks.length, scene.answers.length];
  const pictures = {
    q: picture("q", T),
    k: picture("k", S),
    v: picture("v", S),
    weights: picture("weights", T, "weight", S),
    output: picture("output", T),
  };
  const sources = streams(context, scene);
  const element = h(
    "div.qkv-flow",
    { role: "group", "aria-label": say("qkv.flow") },
    sources.boxes,
    SIDES.map((side) => arrow(sideOf(attention, attention[`${side}_from`]), `× W_${side.toUpperCase()}`)),
    SIDES.map((side) => {
      const title = `${side.toUpperCase()} ${shape(side === "q" ? scene.T : scene.S, width)}`;
      return boxed(title, pictures[side], sideOf(attention, attention[`${side}_from`]), say(`qkv.${side}.role`));
    }),
    SIDES.map((side) => arrow(sideOf(attention, attention[`${side}_from`]), side)),
    h("div.meet", {}, `q · k × ${attention.scale === 1 ? "1" : `1/√${width}`}${attention.bias ? " + b" : ""} + mask → softmax`),
    h("div", { "aria-hidden": "true" }),
    boxed(`softmax ${shape(scene.T, scene.S)}`, pictures.weights, "both", say("qkv.weights.role")),
    h("div.beside", { "aria-hidden": "true" }, "× v"),
    h("div.meet.last", {}, "Σ"),
    boxed(`${say("qkv.output")} ${shape(scene.T, width)}`, pictures.output, "out", say("qkv.output.role", { n: scene.T })),
  );
  return {
    element,
    step: (r) => {
      sources.step(r);
      for (const part of ["q", "weights", "output"]) pictures[part].frame({ row: r });
      lower(scene, pictures, r);
    },
    point: (c) => {
      for (const part of ["k", "v"]) pictures[part].frame({ row: c });
    },
  };
}

/** Rows that this step has not computed are behind a curtain. */
function lower(scene, pictures, r) {
  const from = scene.stepwise ? (r ?? -1) + 1 : null;
  for (const part of ["q", "weights", "output"]) pictures[part].cover(from);
  for (const part of ["k", "v"]) pictures[part].cover(scene.ofDecoder ? from : null);
}

/** The streams as boxes, each as wide as the columns it feeds. */
function streams(context, scene) {
  const { say } = context;
  const { attention } = scene;
  const [heads, , width] = attention.q.shape;
  const groups = [];
  for (const side of SIDES) {
    const from = attention[`${side}_from`];
    if (groups.at(-1)?.from === from) groups.at(-1).span += 1;
    else groups.push({ from, span: 1, rows: side === "q" ? scene.T : scene.S });
  }
  const now = h("span.now-row");
  const boxes = groups.map(({ from, span, rows }, i) => {
    const side = sideOf(attention, from);
    const key = from === "memory" ? "memory" : side === "read" ? "encoder" : "decoder";
    return h(
      `div.stream.${side}.span${span}`,
      {},
      h("b", {}, from),
      h("span", {}, say(`qkv.stream.${key}`)),
      h("code", {}, shape(rows, heads * width)),
      i === 0 && now,
    );
  });
  return {
    boxes,
    step: (r) => swap(now, r !== null && [scene.timed && `${say(`qkv.now.${scene.kind}`, { t: r })} `, asking(scene, r)]),
  };
}

function arrow(side, text) {
  return h(
    `div.arrow.${side}`,
    {},
    s("svg", { viewBox: "0 0 14 30", width: 14, height: 30, "aria-hidden": "true" }, s("path", { d: "M7 0 V26 M2 20 L7 28 L12 20" })),
    h("span", {}, text),
  );
}

function boxed(title, picture, side, role) {
  return h(`figure.matrix-of.${side}`, {}, h("figcaption", {}, h("b", {}, title), h("span", {}, role)), picture.element);
}

function cells(attention, head, part) {
  const { shape: [, rows, cols], data } = read(attention[part]);
  const from = head * rows * cols;
  return (r, c) => data[from + r * cols + c];
}

/** One loud number would leave the rest pale: the scale ends at three quarters of the largest. */
function reachOf(attention, head, part) {
  const count = attention[part].shape[1];
  return 0.75 * reach(...Array.from({ length: count }, (_, r) => row(attention[part], head, r)));
}
