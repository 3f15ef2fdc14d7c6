/* The two plain boxes: what goes in below, what comes out above, and memory between them. Knows no trace. */

import { h } from "../drawing/dom.js";

/**
 * `read` and `written` are lists of elements below the two boxes, `answer` what stands above the right one. `resting`: the
 * encoder is not run now; `names`: [encoder, memory, decoder]; `under`: what is said below each list.
 */
export function boxes({ names, read, written, answer, resting = false, under = [] }) {
  const [encoder, memory, decoder] = names;
  return h(
    "div.two-boxes",
    {},
    h("div.answer-place", {}, answer),
    h("div.up.right-column", { "aria-hidden": "true" }, "↑"),
    h(`div.plain-box.encoder-box${resting ? ".resting" : ""}`, {}, encoder),
    h("div.carried", {}, h("span", {}, memory), h("span.carrier", { "aria-hidden": "true" }, "→")),
    h("div.plain-box.decoder-box", {}, decoder),
    h("div.up.left-column", { "aria-hidden": "true" }, "↑"),
    h("div.up.right-column.lower", { "aria-hidden": "true" }, "↑"),
    h(`div.place.left-column${resting ? ".resting" : ""}`, {}, read, under[0] && h("small", {}, under[0])),
    h("div.place.right-column", {}, written, under[1] && h("small", {}, under[1])),
  );
}
