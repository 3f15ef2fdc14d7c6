/* The checks that a trace carries: what each says, what was measured, what it would have caught; failed ones first. */

import { h, s, table, word, number, button } from "../drawing/dom.js";
import { isChange, partName, told } from "../drawing/told.js";

// The nine, and the view that shows what each is about.
const VIEWS = {
  rows_sum_to_one: "attention",
  arithmetic: "attention",
  no_future: "masks",
  train_equals_infer: "clocks",
  cache_equals_full: "clocks",
  pad_free: "masks",
  encoder_once: "qkv",
  traced_equals_served: "beam",
  order_needs_positions: "positions",
};
const LEAST = -10; // the scale of a measured value, in powers of ten
const MOST = 1;

export function proofs(context) {
  const { trace, say } = context;
  const sorted = [...trace.proofs].sort((a, b) => a.passed - b.passed);
  const good = sorted.filter((proof) => proof.passed).length;
  const known = Object.keys(VIEWS).length;
  return h(
    "div.proofs-view",
    {},
    h("p.lead", {}, say("proofs.lead")),
    h("p", {}, h("b", {}, say(good === sorted.length ? "proofs.all" : "proofs.some", { good, n: sorted.length }))),
    trace.removed && good < sorted.length && h("p.warn", {}, say(isChange(trace.removed) ? "proofs.added" : "proofs.removed", { part: partName(say, trace.removed) })),
    h("ul.proofs", {}, sorted.map((proof) => card(context, proof))),
    sorted.length < known && h("p.limit", {}, say("proofs.fewer", { n: sorted.length, all: known })),
    !trace.twins && trace.model.kind !== "transformer" && h("p.limit", {}, say("twins.recurrent")),
    h("h3", {}, say("proofs.served")),
    served(context),
    h("h3", {}, say("proofs.limits")),
    limits(context),
    h("h3", {}, say("proofs.run")),
    environment(context),
  );
}

function card(context, proof) {
  const { say } = context;
  const known = proof.id in VIEWS;
  const state = proof.passed ? "passed" : "failed";
  return h(
    `li.proof.${state}`,
    { "data-proof": proof.id },
    h(
      "div.verdict",
      {},
      h("span.mark", {}, proof.passed ? "✓ " : "✗ ", say(`proofs.${state}`)),
      h("code", {}, proof.id),
    ),
    h("p.statement", {}, known ? say(`proofs.${proof.id}`) : proof.statement),
    gauge(context, proof),
    known && h("p.caught", {}, h("b", {}, say("proofs.caught")), " ", say(`proofs.${proof.id}.caught`)),
    known && button(say(`${VIEWS[proof.id]}.tab`), () => context.open(VIEWS[proof.id]), { class: "inline" }),
  );
}

/** 0.0000031 -> "3.1 × 10⁻⁶"; a zero is exact. */
export function power(x) {
  if (!Number.isFinite(x)) return number(x);
  if (x === 0) return "0";
  if (Number.isInteger(x)) return String(x);
  if (x >= 0.001 && x < 1000) return String(Number(x.toPrecision(2)));
  const [digits, exponent] = x.toExponential(1).split("e");
  const raised = Array.from(String(Number(exponent)), (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)])).join("");
  return `${digits === "1.0" ? "" : `${digits} × `}10${raised}`;
}

/** Measured value and limit on a scale of powers of ten. */
function gauge(context, proof) {
  const { say } = context;
  const wide = 300;
  const x = (value) => {
    const place = value > 0 ? Math.log10(value) : LEAST;
    return 8 + ((Math.max(LEAST, Math.min(MOST, place)) - LEAST) / (MOST - LEAST)) * (wide - 16);
  };
  const said = say(proof.limit === 0 ? "proofs.exact" : "proofs.measured", { value: power(proof.value), limit: power(proof.limit) });
  return h(
    "div.gauge",
    {},
    s(
      "svg",
      { viewBox: `0 0 ${wide} 26`, role: "img", "aria-label": said },
      s("line.rail", { x1: 8, x2: wide - 8, y1: 13, y2: 13 }),
      s("line.good", { x1: 8, x2: x(proof.limit), y1: 13, y2: 13 }),
      s("line.limit", { x1: x(proof.limit), x2: x(proof.limit), y1: 3, y2: 23 }),
      s("circle.value", { cx: x(proof.value), cy: 13, r: 6 }),
    ),
    h("span", {}, said),
  );
}

/** Whether the engine that serves says the same as the one that is traced. */
function served(context) {
  const { say, trace } = context;
  const { served: found, text } = trace.inference;
  if (!found) return h("p", {}, say("proofs.served.none"));
  const values = { engine: h("code", {}, found.engine), text: word(found.text, "said"), traced: word(text, "said") };
  return h("p", {}, told(say, found.same ? "proofs.served.same" : "proofs.served.other", values));
}

function limits(context) {
  const { say, trace } = context;
  const { truncated, kept_source, kept_target, note } = trace.limits;
  const sentences = /^the text has (\d+) sentences/.exec(note);
  const target = Math.max(trace.inference.steps.length, trace.training?.labels.length ?? 0);
  const values = { source: kept_source, sources: trace.source.tokens.length, target: kept_target, targets: target };
  return [
    h("p", {}, say(truncated ? "proofs.cut" : "proofs.whole", values)),
    h("p.fine", {}, say("proofs.half")),
    sentences && h("p.fine", {}, say("proofs.sentences", { n: sentences[1] })),
  ];
}

function environment(context) {
  const { say, trace } = context;
  const { dragoman, torch, threads, seconds } = trace.environment;
  const { encoder_passes, decoder_passes, rows_computed, seconds: took } = trace.inference;
  const { name, kind, fingerprint, languages, vocabulary } = trace.model;
  const rows = [
    ["Dragoman", dragoman],
    ["torch", torch],
    [say("proofs.threads"), String(threads)],
    [say("proofs.seconds"), say("proofs.s", { n: number(seconds, 2) })],
    [say("proofs.encoder"), say("proofs.ran", { n: encoder_passes, ms: number(1000 * (took.encoder ?? 0), 1) })],
    [say("proofs.decoder"), say("proofs.ran", { n: decoder_passes, ms: number(1000 * (took.decoder ?? 0), 1) })],
    [say("proofs.rows"), String(rows_computed)],
    [say("proofs.model"), `${name} (${kind}, ${languages.join(" → ")})`],
    [say("proofs.vocabulary"), String(vocabulary)],
    [say("proofs.fingerprint"), h("code", { title: fingerprint }, `${fingerprint.slice(0, 16)}…`)],
  ];
  return table([say("proofs.what"), say("proofs.value")], rows, { class: "environment" });
}
