/* The first page: the sentence, what ties its words, the two questions, and how to look around. */

import { h, button } from "../drawing/dom.js";
import { links } from "../drawing/links.js";
import { map } from "../frame/map.js";
import { standIn } from "../frame/standin.js";

export function start(context) {
  const { model, store, say, trace, open } = context;
  const weights = model.meanWeights("inference", "cross", model.layers("cross") - 1);
  const [below, above] = model.labels("inference", "cross");
  const tied = links({
    above,
    below,
    say,
    current: null,
    weight: (b, a) => weights[b]?.[a] ?? 0,
    onPick: (t) => open("qkv", { t, mode: "inference", kind: "cross" }),
  });
  if (weights.length > 0) requestAnimationFrame(() => tied.draw());
  context.watch(["t", "playing"], () => {
    if (store.playing && weights.length > 0) tied.current = store.t < 0 ? null : store.t;
  });
  const { config, name } = trace.model;
  const run = trace.inference;
  const rivals = run.decoder_passes - model.length("inference"); // passes for other beginnings of the beam
  const values = { name, encoder: config.encoder_layers, decoder: model.layers("cross"), heads: model.heads, d: config.d_model };
  return h(
    "div.start",
    {},
    h("p.lead", {}, say(config.encoder_layers ? "start.lead" : "start.lead.outside", values)),
    weights.length > 0 ? tied.element : h("p", {}, say("attention.none")),
    model.marksSpaces() && h("p.fine", {}, say("words.space")),
    model.aTag() && h("p.fine", {}, say("words.tag", { tag: model.aTag() })),
    model.aByte() && h("p.fine", {}, say("words.bytes", { byte: model.aByte() })),
    h(
      "div.cards",
      {},
      question(context, 1, "clocks", { rows: model.length("training"), n: model.length("inference") }),
      question(context, 2, "qkv", {}),
    ),
    standIn(context),
    facts(context),
    rivals > 0 && h("p.fine", {}, say("clocks.rivals", { n: rivals, t: run.stop.t })),
    !context.mapBeside() && model.pass("inference").embedding && map(context),
    h("p.hint", {}, say("start.keys")),
    trace.limits.truncated && h("p.limit", {}, say("start.truncated", { source: trace.limits.kept_source, target: trace.limits.kept_target })),
  );
}

function question(context, n, view, values) {
  const { say, open } = context;
  return h(
    "section.card",
    {},
    h("h3", {}, say(`start.q${n}`)),
    h("p", {}, say(`start.q${n}.what`, values)),
    button(say("start.see"), () => open(view, view === "qkv" ? { kind: "cross" } : {}), { class: "primary" }),
  );
}

function facts(context) {
  const { say, trace, model, open } = context;
  const good = trace.proofs.filter((proof) => proof.passed).length;
  const rows = [
    [model.source.length, say("start.read"), "text"],
    [trace.inference.encoder_passes, say("start.encoder"), "clocks"],
    [trace.inference.decoder_passes, say("start.decoder"), "clocks"],
    [trace.inference.beam?.nodes.length ?? 0, say("start.tried"), "beam"],
    [`${good}/${trace.proofs.length}`, say("start.proofs"), "proofs"],
  ];
  return h(
    "div.facts",
    {},
    rows.map(([value, label, view]) =>
      h("button", { type: "button", on: { click: () => open(view) } }, h("b", {}, String(value)), h("span", {}, label)),
    ),
  );
}
