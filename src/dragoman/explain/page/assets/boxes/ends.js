/* The boxes at both ends of the figure: a row that is fetched from a table, and a choice among V classes. */

import { h, table } from "../drawing/dom.js";
import { row, norm } from "../trace/tensor.js";
import { fixed } from "../drawing/written.js";

const [NUMBERS, CLASSES] = [4, 6]; // shown

/** Of a source token: its row of the table, scaled, its place, and their sum. */
export function embedding({ trace, say }, { word }) {
  const parts = trace.inference.pass.embedding?.source;
  if (!parts || word >= parts.token.shape[0]) return null;
  const { id } = trace.source.tokens[word];
  const [fetched, scaled, place, sum] = [parts.token, parts.scaled, parts.positions, parts.sum].map((part) => row(part, word));
  const named = [
    [say("boxes.embedding.row", { id }), fetched],
    [say("boxes.embedding.scaled", { times: fixed(norm(scaled) / Math.max(norm(fetched), 1e-9), 1) }), scaled],
    [say("boxes.embedding.place", { i: word }), place],
    [say("boxes.embedding.sum"), sum],
  ];
  const first = (vector) => `${Array.from(vector.slice(0, NUMBERS), (x) => fixed(x, 2)).join("  ")}  …`;
  const rows = named.map(([name, vector]) => [name, h("code", {}, first(vector)), fixed(norm(vector), 2)]);
  return [
    h("p", {}, say("boxes.embedding", { id, v: trace.model.vocabulary, d: fetched.length })),
    table(say("boxes.embedding.heads").split("|"), rows, { class: "box-embedding" }),
  ];
}

/** Of a step: its likeliest classes, and all the others together. */
export function output({ trace, say }, { word: t }) {
  const found = trace.inference.pass.logits[t];
  if (!found) return null;
  const best = found.top.slice(0, CLASSES);
  const left = 1 - best.reduce((sum, one) => sum + one.p, 0);
  const values = { t, v: trace.model.vocabulary, d: trace.model.config.d_model };
  const rows = best.map((one) => [one.piece, fixed(one.logit, 2), fixed(one.p, 4)]);
  rows.push([say("boxes.output.rest", { n: values.v - best.length }), "", fixed(Math.max(left, 0), 4)]);
  return [h("p", {}, say("boxes.output", values)), table(say("boxes.output.heads").split("|"), rows, { class: "box-output" })];
}
