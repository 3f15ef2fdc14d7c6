/* The sentence beside the same words in another order: how far apart the model holds the two, place by place. */

import { h, table } from "../drawing/dom.js";
import { exact } from "../drawing/written.js";

/** Nothing for a model that has no twins, and for one with a recurrent encoder why. */
export function twins({ trace, say }) {
  const title = h("h3", {}, say("twins.title"));
  if (!trace.twins) return trace.model.kind === "transformer" ? null : h("section.twins", {}, title, h("p", {}, say("twins.recurrent")));
  const { text, places, first } = trace.twins;
  if (words(text) === words(trace.source.prepared))
    return h("section.twins", {}, title, h("p", {}, say("twins.alike", { text: trace.source.prepared })));
  const rows = places.map((place) => [
    h(place.name === first ? "b" : "span", {}, h("code", {}, place.name), place.name === first && " ◀"),
    exact(place.bare, 2),
    exact(place.placed, 2),
  ]);
  return h(
    "section.twins",
    {},
    title,
    h("p", {}, say("twins.lead", { text: trace.source.prepared, twin: text })),
    table(say("twins.heads").split("|"), rows, { class: "twin-places" }),
    h("p", {}, say(first ? "twins.part" : "twins.same", { place: first })),
    h("p.fine", {}, say("twins.noise")),
  );
}

function words(text) {
  return text.trim().split(/\s+/).join(" ");
}
