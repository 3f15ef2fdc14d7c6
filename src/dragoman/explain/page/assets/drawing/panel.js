/* Pictures of numbers in cells of any shape: one pixel a number, stretched by the style sheet, with frames above it.
 * Knows no trace and writes no letters; heat.js has the matrix with names and figures. */

import { h } from "./dom.js";

/**
 * spec: rows, cols (how many); value(r, c); kind "weight" | "signed"; reach?; high (px); label; masked(r, c)?;
 * onPoint(r, c | null)?, onPick(r, c)? make it pointable and walkable with the arrow keys.
 * Gives { element, frame({ row, col }), cover(from), redraw() }.
 */
export function panel(palette, spec) {
  return new Panel(palette, spec);
}

class Panel {
  constructor(palette, spec) {
    this.palette = palette;
    this.spec = spec;
    this.cursor = [0, 0];
    this.canvas = h("canvas", { width: spec.cols, height: spec.rows });
    this.rowFrame = h("div.frame.asks", { hidden: true });
    this.colFrame = h("div.frame.answers", { hidden: true });
    this.cellFrame = h("div.frame.cell", { hidden: true });
    this.curtain = h("div.curtain", { hidden: true });
    const live = Boolean(spec.onPoint || spec.onPick);
    this.element = h(
      "div.panel",
      { role: live ? "application" : "img", tabindex: live ? "0" : null, "aria-label": spec.label, css: { height: `${spec.high}px` } },
      this.canvas,
      this.curtain,
      this.rowFrame,
      this.colFrame,
      this.cellFrame,
    );
    if (live) this.listen();
    this.redraw();
  }

  listen() {
    this.element.classList.add("live");
    const on = (event, run) => this.element.addEventListener(event, run);
    on("pointermove", (event) => this.point(this.cellAt(event)));
    on("pointerleave", () => this.point(null));
    on("click", (event) => this.spec.onPick?.(...this.cellAt(event)));
    on("keydown", (event) => this.key(event));
  }

  cellAt(event) {
    const box = this.element.getBoundingClientRect();
    const place = (at, size, count) => Math.max(0, Math.min(count - 1, Math.floor((at / size) * count)));
    const { rows, cols } = this.spec;
    return [place(event.clientY - box.top, box.height, rows), place(event.clientX - box.left, box.width, cols)];
  }

  point(at) {
    if (String(at) === String(this.pointed)) return;
    this.pointed = at;
    if (at) this.cursor = at;
    this.mark(at);
    this.spec.onPoint?.(...(at ?? [null, null]));
  }

  key(event) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter" || event.key === " ") this.spec.onPick?.(...this.cursor);
    else if (!move) return;
    else {
      const limit = [this.spec.rows - 1, this.spec.cols - 1];
      this.point(this.cursor.map((place, axis) => Math.max(0, Math.min(limit[axis], place + move[axis]))));
    }
    event.preventDefault();
    event.stopPropagation();
  }

  redraw() {
    const { rows, cols, value, masked, kind, reach } = this.spec;
    const pen = this.canvas.getContext("2d");
    const image = pen.createImageData(cols, rows);
    let place = 0;
    const blank = this.palette.theme === "dark" ? [45, 50, 60] : [217, 216, 209];
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++) {
        const x = value(r, c);
        const colour = masked?.(r, c) ? blank : kind === "signed" ? this.palette.signed(x, reach) : this.palette.weight(x);
        for (const part of colour) image.data[place++] = part;
        image.data[place++] = 255;
      }
    pen.putImageData(image, 0, 0);
  }

  frame({ row = null, col = null }) {
    const { rows, cols } = this.spec;
    put(this.rowFrame, row !== null && row < rows, { top: row / rows, height: 1 / rows, left: 0, width: 1 });
    put(this.colFrame, col !== null && col < cols, { top: 0, height: 1, left: col / cols, width: 1 / cols });
  }

  mark(at) {
    const { rows, cols } = this.spec;
    put(this.cellFrame, at !== null, at && { top: at[0] / rows, height: 1 / rows, left: at[1] / cols, width: 1 / cols });
  }

  /** Draws a curtain over the rows from `from` on: they do not exist yet. Null opens it. */
  cover(from) {
    const { rows } = this.spec;
    put(this.curtain, from !== null && from < rows, { top: from / rows, height: (rows - from) / rows, left: 0, width: 1 });
  }
}

function put(box, shown, place) {
  box.hidden = !shown;
  if (!shown) return;
  for (const [side, share] of Object.entries(place)) box.style.setProperty(side, `${(share * 100).toFixed(4)}%`);
}
