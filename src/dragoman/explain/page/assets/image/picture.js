/* An image as SVG: its patches in the colours of their weights, its ink over them. Knows no step. */

import { s } from "../drawing/dom.js";

/**
 * weights [S], one a patch. options: width in px; label, for a screen reader; place, patches that are framed; pick(patch),
 * which makes the picture a thing to click and to walk over with the arrow keys.
 */
export function picture(palette, trace, weights, { width, label, place, pick = null }) {
  const { pixels, patch } = trace;
  const [high, wide] = [pixels.length, pixels[0].length];
  const across = wide / patch;
  const most = Math.max(...weights) || 1;
  const corner = (i) => [(i % across) * patch, Math.floor(i / across) * patch];
  const grounds = weights.map((weight) => palette.weight((weight / most) ** 2));
  const svg = s(
    "svg.patch-image",
    { viewBox: `0 0 ${wide} ${high}`, width, height: (width * high) / wide, role: pick ? "application" : "img", tabindex: pick ? 0 : null, "aria-label": label },
    grounds.map(([red, green, blue], i) => {
      const [x, y] = corner(i);
      return s("rect", { x, y, width: patch, height: patch, fill: `rgb(${red} ${green} ${blue})` });
    }),
    pixels.flatMap((row, y) => row.map((ink, x) => ink > 0 && dot(grounds[Math.floor(y / patch) * across + Math.floor(x / patch)], ink, x, y))),
    weights.map((_, i) => {
      const [x, y] = corner(i);
      return s(`rect.patch${place.includes(i) ? ".due" : ""}`, { x, y, width: patch, height: patch, "data-patch": i });
    }),
  );
  if (pick) listen(svg, weights.length, across, place[0] ?? 0, pick);
  return svg;
}

/** Ink is white where the ground is dark. */
function dot([red, green, blue], ink, x, y) {
  const pen = red * 0.3 + green * 0.59 + blue * 0.11 > 110 ? "#111" : "#fff";
  return s("rect", { x, y, width: 1, height: 1, fill: pen, "fill-opacity": ink.toFixed(2) });
}

function listen(svg, count, across, start, pick) {
  svg.addEventListener("click", (event) => {
    const patch = event.target.getAttribute?.("data-patch");
    if (patch !== null && patch !== undefined) pick(Number(patch));
  });
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -across, ArrowDown: across, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    if (start + by >= 0 && start + by < count) pick(start + by);
  });
}
