/* What each written word took from each source word, by two measures that disagree; and the layer in which it settled. */

import { h, swap, word, number, percent, button } from "../drawing/dom.js";
import { matrix } from "../drawing/heat.js";
import { told } from "../drawing/told.js";
import { rowsOf, spearman, top, settled } from "./numbers.js";
import { slopes, scale } from "./picture.js";

const NAMED = 12; // steps listed by number

export function influence(context) {
  const { trace, say, store } = context;
  const attention = rowsOf(trace.influence?.attention);
  const zeroing = rowsOf(trace.influence?.value_zeroing);
  const looked = attention.some((row) => row.some((share) => share > 0));
  const note = h("p.fine");
  context.watch(["mode"], () => swap(note, store.mode === "training" && say("influence.training")));
  return h(
    "div.influence",
    {},
    h("p.lead", {}, say("influence.lead")),
    note,
    looked || zeroing.length ? new Measures(context, looked ? attention : [], zeroing).element : h("p", {}, say("influence.none")),
    h("h3", {}, say("lens.title")),
    lens(context),
  );
}

/** The matrices of both measures and their difference, and what they say of the word at hand. */
class Measures {
  constructor(context, attention, zeroing) {
    Object.assign(this, { context, attention, zeroing });
    this.room = context.width(); // asked once: asking makes the browser lay the page out
    const { trace, say } = context;
    const measured = attention.length ? attention : zeroing;
    const [rows, cols] = [measured.length, measured[0].length];
    this.words = trace.inference.steps.slice(0, rows).map((step) => step.chosen.piece);
    this.source = trace.source.tokens.slice(0, cols).map((token) => token.piece);
    this.both = attention.length > 0 && zeroing.length > 0;
    this.readout = h("p.readout", {}, say("influence.hint"));
    this.now = h("div.influence-now");
    const all = trace.inference.steps.length;
    this.element = h(
      "div",
      {},
      this.matrices(),
      this.readout,
      (rows < all || cols < trace.source.tokens.length) &&
        h("p.limit", {}, say("influence.limit", { rows, all, cols, source: trace.source.tokens.length })),
      h("ul.explained", {}, h("li", {}, say("influence.attention.what")), h("li", {}, say("influence.zeroing.what"))),
      this.both && h("h3", {}, say("influence.now")),
      this.now,
      this.both && this.agreement(),
    );
    context.watch(["t"], () => this.follow());
  }

  matrices() {
    const { say } = this.context;
    const pictures = [
      [this.attention, "attention", "weight"],
      [this.zeroing, "zeroing", "weight"],
    ].filter(([rows]) => rows.length);
    const made = pictures.map(([rows, name, kind]) => this.matrix(name, kind, (r, c) => rows[r][c], 1));
    if (this.both) {
      const gap = (r, c) => Math.round(100 * (this.zeroing[r][c] - this.attention[r][c]));
      const most = Math.max(1, ...this.words.flatMap((_, r) => this.source.map((__, c) => Math.abs(gap(r, c)))));
      made.push(this.matrix("gap", "signed", gap, most));
    }
    this.pictures = made.map(([picture]) => picture);
    return h("div.matrices", {}, made.map(([, figure]) => figure));
  }

  matrix(name, kind, value, reach) {
    const { palette, say, store } = this.context;
    const { room } = this;
    const many = room >= 900 ? 3 : room >= 620 ? 2 : 1;
    const picture = matrix(palette, {
      rows: this.words,
      cols: this.source,
      value,
      kind,
      reach,
      width: Math.floor(Math.min(460, room / many - 16)),
      label: say(`influence.${name}`),
      onPoint: (r, c) => r !== null && this.tell(r, c),
      onPick: (r) => store.set({ t: r, playing: false }),
    });
    const figure = h("figure", {}, h("figcaption", {}, say(`influence.${name}`)), h("div.scroll", {}, picture.element));
    return [picture, figure];
  }

  tell(r, c) {
    const { say } = this.context;
    const share = (rows) => (rows.length ? percent(rows[r][c]) : "–");
    const values = { word: word(this.words[r], "said"), source: word(this.source[c], "memory"), a: share(this.attention), b: share(this.zeroing) };
    swap(this.readout, told(say, "influence.cell", values));
  }

  follow() {
    const { t } = this.context.store;
    const r = t >= 0 && t < this.words.length ? t : null;
    for (const picture of this.pictures) picture.mark({ row: r });
    this.dots?.mark(r);
    if (this.both) swap(this.now, r === null ? h("p", {}, this.context.say("influence.pick")) : this.row(r));
  }

  row(r) {
    const { say } = this.context;
    const [left, right] = [this.attention[r], this.zeroing[r]];
    const [a, b] = [top(left), top(right)];
    const found = spearman(left, right);
    const values = {
      word: word(this.words[r], "said"),
      a: word(this.source[a], "memory"),
      b: word(this.source[b], "memory"),
      p: percent(left[a]),
      q: percent(right[b]),
      r: found === null ? "–" : number(found, 2),
    };
    return [
      h("p", {}, told(say, a === b ? "influence.same" : "influence.differ", values)),
      h(
        "div.scroll",
        {},
        slopes({
          words: this.source,
          left,
          right,
          heads: [say("influence.attention"), say("influence.zeroing")],
          width: this.room,
          label: say("influence.slopes"),
        }),
      ),
    ];
  }

  /** How far both measures agree over the whole sentence, and what the disagreement means. */
  agreement() {
    const { say, trace } = this.context;
    const rows = this.words.map((_, r) => spearman(this.attention[r], this.zeroing[r]));
    const mean = trace.influence.agreement;
    const apart = this.words.filter((_, r) => top(this.attention[r]) !== top(this.zeroing[r])).length;
    const level = mean === null ? "none" : mean >= 0.7 ? "much" : mean >= 0.4 ? "some" : "little";
    const last = this.source.length - 1;
    const rests = this.source[last] === "</s>";
    const resting = this.attention.reduce((sum, row) => sum + row[last], 0) / this.attention.length;
    const missed = this.zeroing.reduce((sum, row) => sum + row[last], 0) / this.zeroing.length;
    this.dots = scale(rows, mean, { width: this.room, label: say("influence.agreement"), ends: ["against", "none", "same"].map((end) => say(`influence.end.${end}`)) });
    return h(
      "div",
      {},
      h("h3", {}, say("influence.agreement")),
      h("div.scroll", {}, this.dots.element),
      h("p", {}, say(`influence.level.${level}`, { r: mean === null ? "–" : number(mean, 2) }), " ", say(apart ? "influence.apart" : "influence.together", { apart, n: rows.length })),
      rests && h("p", {}, told(say, "influence.rest", { end: word("</s>", "memory"), a: percent(resting), b: percent(missed) })),
      h("p.warn", {}, say("influence.moral")),
      h("p.fine", {}, say("influence.caveat")),
    );
  }
}

/** The logit lens: the word on top behind each decoder layer, and where it stops changing. */
function lens(context) {
  const { model, store, say } = context;
  if (!model.pass("inference").lens.length) return h("p", {}, say("lens.none"));
  const holder = h("div");
  let rows = [];
  context.watch(["mode"], () => {
    rows = lensRows(context);
    swap(holder, lensTable(context, rows));
  });
  context.watch(["t", "mode"], () => rows.forEach((row, t) => row.classList.toggle("here", t === store.t)));
  return h("div", {}, h("p", {}, say("lens.what")), holder);
}

function lensRows(context) {
  const { model, store, say } = context;
  const { lens: layers } = model.pass(store.mode);
  const written = model.written(store.mode);
  const fed = model.fed(store.mode);
  return layers[0].map((_, t) => {
    const from = settled(layers, t);
    const last = layers[layers.length - 1][t];
    const cells = layers.map((guesses, n) => {
      const stands = n >= from;
      return h(`td${stands ? ".stands" : ".open"}`, {}, word(guesses[t].piece), h("span.p", {}, percent(guesses[t].p)));
    });
    // A label is no guess, and is not judged: the last layer's word is.
    const goal = word(written[t].piece, store.mode === "training" ? "" : "said");
    const pick = () => store.set({ t, playing: false });
    return h(
      "tr",
      { on: { click: pick } },
      h("td", {}, button(String(t), pick, { class: "inline", "aria-label": say("player.at", { t }) })),
      h("td", {}, word(fed[t].piece, "fed")),
      cells,
      h("td", {}, goal),
      h("td", {}, say("lens.from", { n: from + 1 })),
    );
  });
}

function lensTable(context, rows) {
  const { model, store, say, trace } = context;
  const { lens: layers } = model.pass(store.mode);
  const written = model.written(store.mode);
  const head = [
    "t",
    say("lens.fed"),
    ...layers.map((_, n) => say("lens.after", { n: n + 1 })),
    say(store.mode === "training" ? "lens.label" : "lens.chosen"),
    say("lens.settled"),
  ];
  const first = rows.filter((_, t) => settled(layers, t) === 0).length;
  const said = layers.length === 1 ? "lens.one" : first === rows.length ? "lens.all" : "lens.said";
  const other = rows.map((_, t) => t).filter((t) => layers[layers.length - 1][t].id !== written[t].id);
  // With one table for what is read and what is written, an early layer still shows the word that came in.
  const fed = model.fed(store.mode);
  const echoes = rows.map((_, t) => t).filter((t) => layers.slice(0, -1).some((guesses) => guesses[t].id === fed[t].id));
  const named = (list) => `${list.slice(0, NAMED).join(", ")}${list.length > NAMED ? " …" : ""}`;
  // Without a mask the last pass saw words that were not written yet when the search chose.
  const explained = other.length > 0 && (store.mode === "training" || !trace.removed);
  return [
    h(
      "div.scroll",
      { tabindex: "0" },
      h("table.lens", {}, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))), h("tbody", {}, rows)),
    ),
    rows.length < written.length && h("p.limit", {}, say("page.limit", { n: rows.length, all: written.length })),
    h("p", {}, say(said, { first, n: rows.length, layers: layers.length })),
    echoes.length > 0 && h("p.fine", {}, say("lens.echo", { list: named(echoes) })),
    explained && h("p.fine", {}, say(`lens.other.${store.mode}`, { list: named(other) })),
  ];
}
