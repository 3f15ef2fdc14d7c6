/* One question worked out: a row for each word that is asked, from its key to what its value adds. Opens the drawer
 * for the arithmetic; explains no reason. */

import { h, swap, number, percent, visible } from "../drawing/dom.js";
import { row, reach } from "../trace/tensor.js";
import { ofRow, openCell, openMix } from "../drawing/arithmetic.js";
import { panel } from "../drawing/panel.js";
import { asking } from "./scene.js";

const COLUMNS = ["name", "vector", "figure", "figure", "figure", "share", "vector"];

/** Gives { element, step(r), light(c) }; `onPoint(c | null)` tells the word under the pointer or the focus. */
export function questionRow(context, scene, onPoint) {
  return new QuestionRow(context, scene, onPoint);
}

class QuestionRow {
  constructor(context, scene, onPoint) {
    Object.assign(this, { context, scene, onPoint, r: null });
    const { attention, head } = scene;
    this.width = attention.q.shape[2];
    const of = (part) => reach(...scene[part === "q" ? "asks" : "answers"].map((_, i) => row(attention[part], head, i)));
    // One loud number would leave the rest pale, so the scale ends below it.
    this.most = 0.6 * Math.max(of("q"), of("k"));
    this.mostV = 0.6 * of("v");
    this.asker = h("th", { scope: "row" });
    this.q = this.strip((i) => this.numbers?.q[i] ?? 0, this.most, "q");
    this.output = this.strip((i) => this.numbers?.output[i] ?? 0, this.mostV, context.say("qkv.output"), (i) => this.mix(i));
    this.lines = scene.answers.map((_, c) => this.line(c));
    this.element = h(
      "div.scroll.question",
      { tabindex: "0", role: "region", "aria-label": context.say("qkv.row") },
      h("table", {}, h("colgroup", {}, COLUMNS.map((name) => h(`col.${name}`))), this.head(), h("tbody", {}, this.lines.map((line) => line.element), this.foot())),
    );
  }

  strip(value, most, label, onPick = null) {
    const cell = { rows: 1, cols: this.width, value: (_, i) => value(i), kind: "signed", reach: most, high: 16, label };
    return panel(this.context.palette, { ...cell, onPick: onPick && ((_, i) => onPick(i)) });
  }

  head() {
    const { say } = this.context;
    const { attention } = this.scene;
    const tell = `× ${attention.scale === 1 ? "1" : number(attention.scale, 3)}${attention.bias ? " + b" : ""}`;
    const names = [say("qkv.asked"), "k", "q·k", tell, "+ mask", "softmax", "v × " + say("words.weight")];
    return h(
      "thead",
      {},
      h("tr.q-line", {}, this.asker, h("td", {}, this.q.element), h("td", { colspan: 5 }, `← q ${say("words.from")} ${attention.q_from}`)),
      h("tr", {}, names.map((name, i) => h("th", { scope: "col", class: i > 1 && i < 5 ? "num" : null }, name))),
    );
  }

  line(c) {
    const { attention, head } = this.scene;
    const [k, v] = [row(attention.k, head, c), row(attention.v, head, c)];
    const cells = { score: h("td.num"), scaled: h("td.num"), mask: h("td.num"), share: h("td.share") };
    const bar = h("span.bar");
    const value = this.strip((i) => v[i], this.mostV, "v").element;
    const name = h("button.token", { type: "button", "data-key": c, on: { click: () => this.open(c) } },
      h("bdi", {}, visible(this.scene.answers[c])));
    const tell = (on) => () => this.onPoint(on ? c : null);
    const element = h(
      `tr.key-line${this.scene.ofDecoder ? ".write" : ".read"}`,
      { on: { pointerenter: tell(true), pointerleave: tell(false), focusin: tell(true) } },
      h("th", { scope: "row" }, name),
      h("td", {}, this.strip((i) => k[i], this.most, "k").element),
      Object.values(cells),
      h("td", {}, value),
    );
    return { element, cells, bar, value };
  }

  foot() {
    const { say } = this.context;
    const sum = h("td.sum", { colspan: 6 }, say("qkv.sum"));
    return h("tr.sum-line", {}, sum, h("td", {}, this.output.element));
  }

  open(c) {
    const { context, scene } = this;
    if (this.r !== null) openCell(context, scene.attention, scene.head, this.r, c, scene.asks, scene.answers);
  }

  mix(feature) {
    const { context, scene } = this;
    if (this.r !== null) openMix(context, scene.attention, scene.head, this.r, feature, scene.answers);
  }

  step(r) {
    const { scene } = this;
    this.r = r;
    this.element.hidden = r === null;
    if (r === null) return;
    this.numbers = ofRow(scene.attention, scene.head, r);
    swap(this.asker, asking(scene, r));
    this.q.redraw();
    this.output.redraw();
    this.lines.forEach((line, c) => this.fill(line, c));
  }

  fill({ element, cells, bar, value }, c) {
    const { scores, scaled, weights, allowed } = this.numbers;
    const hidden = allowed && !allowed[c];
    // A key of the future is hidden by a mask in training; with a cache it has not been computed at all.
    const absent = hidden && this.scene.attention.mask === "none";
    swap(cells.score, absent ? "" : number(scores[c], 2));
    swap(cells.scaled, absent ? "" : number(scaled[c], 2));
    swap(cells.mask, absent ? this.context.say("qkv.absent") : hidden ? "−∞" : "0");
    bar.style.setProperty("width", `${(weights[c] * 3.5).toFixed(3)}rem`);
    swap(cells.share, bar, hidden ? "0" : percent(weights[c]));
    value.style.setProperty("opacity", (hidden ? 0.08 : 0.15 + 0.85 * Math.sqrt(weights[c])).toFixed(3));
    element.classList.toggle("hidden-key", Boolean(hidden));
  }

  light(c) {
    this.lines.forEach(({ element }, i) => element.classList.toggle("lit", i === c));
  }
}
