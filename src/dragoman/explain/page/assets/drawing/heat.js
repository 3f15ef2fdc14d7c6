/* Pictures of numbers on a canvas: a matrix that can be pointed at and walked with the arrow keys, and a strip. Knows no trace. */

import { h, number, visible } from "./dom.js";
import { Palette } from "./colour.js";

const LABEL = 11; // px, letters of row and column names

function canvas(width, height) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const element = h("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
  const pen = element.getContext("2d");
  pen.scale(ratio, ratio);
  return [element, pen];
}

function textWidth(pen, labels, most) {
  pen.font = `${LABEL}px ui-monospace, monospace`;
  return Math.min(most, labels.reduce((wide, label) => Math.max(wide, pen.measureText(visible(label)).width), 0) + 8);
}

function short(pen, text, room) {
  let shown = visible(text);
  if (pen.measureText(shown).width <= room) return shown;
  const letters = Array.from(shown);
  while (letters.length > 1 && pen.measureText(`${letters.join("")}…`).width > room) letters.pop();
  return `${letters.join("")}…`;
}

/**
 * spec: rows, cols (labels); value(r, c); masked(r, c)?; kind "weight" | "signed"; reach?; width (px to fill);
 * most? (largest cell); label (what it is, for a screen reader); onPoint(r, c | null)?, onPick(r, c)?
 * Gives { element, mark({row, col, cell}) }: mark redraws only the thin layer above the picture.
 */
export function matrix(palette, spec) {
  return new Matrix(palette, spec);
}

class Matrix {
  constructor(palette, spec) {
    this.palette = palette;
    this.spec = spec;
    this.cursor = [0, 0];
    this.marked = {};
    this.measure();
    this.layer();
    this.draw();
  }

  measure() {
    const { rows, cols, width, most = 34 } = this.spec;
    const pen = document.createElement("canvas").getContext("2d");
    const small = width < 420;
    this.left = textWidth(pen, rows, small ? 84 : 110);
    this.cell = Math.max(2, Math.min(most, (width - this.left - 30) / cols.length));
    this.named = this.cell >= 9;
    if (!this.named) this.left = Math.min(this.left, 64);
    this.cell = Math.max(2, Math.min(most, (width - this.left - 30) / cols.length));
    this.top = this.named ? textWidth(pen, cols, 84) * 0.8 + 10 : 4;
    this.wide = this.left + this.cell * cols.length + (this.named ? this.top * 0.55 : 4);
    this.high = this.top + this.cell * rows.length + 2;
  }

  layer() {
    const { label } = this.spec;
    [this.picture, this.pen] = canvas(this.wide, this.high);
    [this.above, this.top_pen] = canvas(this.wide, this.high);
    this.above.classList.add("above");
    this.element = h(
      "div.matrix",
      { role: "application", tabindex: "0", "aria-label": label, "aria-roledescription": "matrix" },
      this.picture,
      this.above,
    );
    this.element.style.width = `${this.wide}px`;
    this.element.style.height = `${this.high}px`;
    const on = (event, run) => this.element.addEventListener(event, run);
    on("pointermove", (event) => this.point(this.cellAt(event)));
    on("pointerleave", () => this.point(null));
    on("click", (event) => this.pick(this.cellAt(event)));
    on("keydown", (event) => this.key(event));
  }

  cellAt(event) {
    const box = this.element.getBoundingClientRect();
    const c = Math.floor((event.clientX - box.left - this.left) / this.cell);
    const r = Math.floor((event.clientY - box.top - this.top) / this.cell);
    const inside = r >= 0 && c >= 0 && r < this.spec.rows.length && c < this.spec.cols.length;
    return inside ? [r, c] : null;
  }

  point(at) {
    if (String(at) === String(this.pointed)) return;
    this.pointed = at;
    if (at) this.cursor = at;
    this.overlay();
    this.spec.onPoint?.(...(at ?? [null, null]));
  }

  pick(at) {
    if (!at) return;
    this.cursor = at;
    this.spec.onPick?.(...at);
  }

  key(event) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter" || event.key === " ") this.pick(this.cursor);
    else if (!move) return;
    else {
      const limit = [this.spec.rows.length - 1, this.spec.cols.length - 1];
      this.point(this.cursor.map((place, axis) => Math.max(0, Math.min(limit[axis], place + move[axis]))));
    }
    event.preventDefault();
    event.stopPropagation();
  }

  colourAt(r, c) {
    const x = this.spec.value(r, c);
    return this.spec.kind === "signed" ? this.palette.signed(x, this.spec.reach) : this.palette.weight(x);
  }

  draw() {
    const { rows, cols, masked } = this.spec;
    const { pen, cell, left, top } = this;
    const gap = cell > 7 ? 1 : 0;
    for (let r = 0; r < rows.length; r++)
      for (let c = 0; c < cols.length; c++) {
        if (masked?.(r, c)) continue;
        const [red, green, blue] = this.colourAt(r, c);
        pen.fillStyle = `rgb(${red} ${green} ${blue})`;
        pen.fillRect(left + c * cell, top + r * cell, cell - gap, cell - gap);
      }
    if (masked) this.hatch();
    if (cell >= 27) this.figures();
    if (this.named) this.labels();
  }

  // A masked cell is not a zero: it has a pattern of its own, not a colour of the scale.
  hatch() {
    const { rows, cols, masked } = this.spec;
    const { pen, cell, left, top } = this;
    const dark = this.palette.theme === "dark";
    pen.strokeStyle = dark ? "#4a505c" : "#b9bcc4";
    pen.lineWidth = 1;
    pen.beginPath();
    for (let r = 0; r < rows.length; r++)
      for (let c = 0; c < cols.length; c++) {
        if (!masked(r, c)) continue;
        const [x, y] = [left + c * cell, top + r * cell];
        if (cell > 7) {
          pen.moveTo(x + 2, y + cell - 3);
          pen.lineTo(x + cell - 3, y + 2);
        } else {
          pen.fillStyle = dark ? "#22262e" : "#e9eaee";
          pen.fillRect(x, y, cell, cell);
        }
      }
    pen.stroke();
  }

  figures() {
    const { rows, cols, masked, value, kind } = this.spec;
    const { pen, cell, left, top } = this;
    pen.font = "10px ui-monospace, monospace";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let r = 0; r < rows.length; r++)
      for (let c = 0; c < cols.length; c++) {
        if (masked?.(r, c)) continue;
        const x = value(r, c);
        if (kind !== "signed" && x < 0.005) continue;
        pen.fillStyle = Palette.ink(this.colourAt(r, c));
        const text = kind === "signed" ? number(x, 1) : x.toFixed(2).replace(/^0/, "");
        pen.fillText(text, left + (c + 0.5) * cell, top + (r + 0.5) * cell);
      }
  }

  labels() {
    const { rows, cols } = this.spec;
    const { pen, cell, left, top } = this;
    pen.font = `${LABEL}px ui-monospace, monospace`;
    pen.fillStyle = this.palette.theme === "dark" ? "#c9cdd6" : "#3a3f4a";
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    rows.forEach((label, r) => pen.fillText(short(pen, label, left - 8), left - 5, top + (r + 0.5) * cell));
    pen.textAlign = "left";
    cols.forEach((label, c) => {
      pen.save();
      pen.translate(left + (c + 0.5) * cell, top - 4);
      pen.rotate(-Math.PI / 3.4);
      pen.fillText(short(pen, label, 84), 0, 0);
      pen.restore();
    });
  }

  mark(marked) {
    this.marked = marked;
    this.overlay();
  }

  overlay() {
    const { top_pen: pen, cell, left, top } = this;
    const { rows, cols } = this.spec;
    pen.clearRect(0, 0, this.wide, this.high);
    const ink = this.palette.theme === "dark" ? "#ffffff" : "#111111";
    const frame = (x, y, w, h, line, colour) => {
      pen.lineWidth = line;
      pen.strokeStyle = colour;
      pen.strokeRect(x - 0.5, y - 0.5, w, h);
    };
    const { row = null, col = null } = this.marked;
    if (row !== null && row < rows.length) frame(left, top + row * cell, cols.length * cell, cell, 2, "#d55e00");
    if (col !== null && col < cols.length) frame(left + col * cell, top, cell, rows.length * cell, 2, "#0072b2");
    if (this.pointed) {
      const [r, c] = this.pointed;
      pen.globalAlpha = 0.35;
      frame(left, top + r * cell, cols.length * cell, cell, 1, ink);
      frame(left + c * cell, top, cell, rows.length * cell, 1, ink);
      pen.globalAlpha = 1;
      frame(left + c * cell, top + r * cell, cell, cell, 2, ink);
    }
  }
}

/** A row of numbers as a band of colours; `reach` makes two bands comparable. */
export function strip(palette, values, { width, height = 14, reach, label = "", kind = "signed" }) {
  const [element, pen] = canvas(width, height);
  element.classList.add("strip");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
  const step = width / values.length;
  for (let i = 0; i < values.length; i++) {
    pen.fillStyle = kind === "signed" ? palette.signedCss(values[i], reach) : palette.weightCss(values[i]);
    pen.fillRect(i * step, 0, Math.ceil(step), height);
  }
  return element;
}

/** A [rows, cols] picture without letters, for small multiples. `value(r, c)` as above. */
export function thumbnail(palette, rows, cols, value, size, kind = "weight", reach = 1) {
  const cell = Math.max(1, size / Math.max(rows, cols));
  const [element, pen] = canvas(Math.max(6, cell * cols), Math.max(6, cell * rows));
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < cols; c++) {
      const x = value(r, c);
      pen.fillStyle = kind === "signed" ? palette.signedCss(x, reach) : palette.weightCss(x);
      pen.fillRect(c * cell, r * cell, Math.ceil(cell), Math.ceil(cell));
    }
  return element;
}
