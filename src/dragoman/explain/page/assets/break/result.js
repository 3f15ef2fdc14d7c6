/* One comparison: the whole model beside the model without a part, in words, numbers and pictures. Fetches nothing. */

import { h, swap, table, choice, word, number, percent } from "../drawing/dom.js";
import { read, row, entropy } from "../trace/tensor.js";
import { matrix } from "../drawing/heat.js";
import { fixed } from "../drawing/written.js";
import { isByte } from "../trace/model.js";
import { told, kindOf, isChange } from "../drawing/told.js";

const MOST = 64; // tokens shown a side
// What these two hide from a row shows in training alone: in inference the tokens to the right do not exist yet.
const TRAINING_ONLY = ["causal_mask", "shift"];
const UNCACHED = ["causal_mask", "swap"];
const OF_DECODER = ["causal_mask", "shift", "cache"];

/** What is typed into a shell to explain a text again; quoted, so that the shell reads nothing in it. */
export function command(text, rest) {
  return h("p", {}, h("code.command", {}, `dragoman explain '${text.replaceAll("'", "'\\''")}'${rest}`));
}

/** How many layers each side has with one out, or in twice. */
function layersLeft({ inference }, removed) {
  const [side] = removed.replace("twice:", "").split(".");
  const change = removed.startsWith("twice:") ? 1 : -1;
  const { encoder, decoder } = inference.pass;
  return { encoder: encoder.length + (side === "encoder") * change, decoder: decoder.length + (side === "decoder") * change };
}

export class Comparison {
  /** `after` may be slim: of its tensors only the weights of the last decoder layer are read. */
  constructor(context, after, part) {
    this.context = context;
    this.after = after;
    this.before = context.trace;
    this.part = part;
    this.names = [context.say("break.whole"), context.say(isChange(after.removed) ? "break.with" : "break.without", { part })];
    this.taught = Boolean(this.before.training && after.training);
    const trained = this.taught && TRAINING_ONLY.includes(after.removed);
    this.mode = trained || (this.taught && context.store.mode === "training") ? "training" : "inference";
    this.pictures = [];
    this.element = h(
      "div.comparison",
      {},
      this.lesson(),
      this.translations(),
      this.numbers(),
      this.losses(),
      this.looks(),
      after.removed === "causal_mask" && learnt(context.say),
    );
  }

  follow(t) {
    const at = Math.max(0, t);
    for (const { picture, rows } of this.pictures) picture.mark({ row: t < 0 || at >= rows ? null : at });
    this.pairs?.forEach((pair, i) => pair.classList.toggle("here", i === t));
    if (this.readout) swap(this.readout, this.lossAt(Math.min(at, this.before.training.steps.length - 1)));
  }

  // -- in words ---------------------------------------------------------------------------------------------------

  lesson() {
    const { say } = this.context;
    const { before, after } = this;
    const gap = say("language.space");
    const part = kindOf(after.removed);
    const attention = lastAttention(before, "inference", "cross");
    const width = attention?.q ? attention.q.shape[2] : 0;
    const values = {
      k: width,
      k2: number(Math.sqrt(width), 1),
      s: before.source.tokens.length,
      d: before.model.config.d_model,
      ...layersLeft(before, after.removed),
    };
    const failed = (after.proofs ?? []).filter((proof) => !proof.passed).map((proof) => proof.id);
    return h(
      "div.lesson",
      {},
      h("p", {}, say(`break.what.${part}`, values), gap, this.wordsChanged(), gap, this.taught && this.lossMoved()),
      part === "cache" && h("p", {}, this.work()),
      this.worth(),
      failed.length > 0 && h("p.fine", {}, say(isChange(after.removed) ? "break.proofs.with" : "break.proofs", { list: failed.join(", ") })),
    );
  }

  /** What the model's card says of the part, if it says anything: one sentence is chance. */
  worth() {
    const { say } = this.context;
    const { parts = [], pairs } = this.before.worth ?? {};
    const found = parts.find(({ part }) => part === this.after.removed);
    if (!found) return null;
    const values = { pairs, was: fixed(parts[0].bleu, 1), now: fixed(found.bleu, 1), loss: fixed(parts[0].loss, 2), cost: fixed(found.loss, 2) };
    return h("p.worth", {}, say("worth.parts", values), say("language.space"), say("worth.retrained"));
  }

  wordsChanged() {
    const { say } = this.context;
    const [was, now] = [this.before.inference.tokens, this.after.inference.tokens];
    const [gone, added] = only(was, now);
    if (gone.size + added.size === 0) return say("break.same");
    if (this.before.inference.text === this.after.inference.text) return say("break.recut");
    if (gone.size === 0) return say("break.added", { n: added.size, all: was.length });
    return say("break.changed", { n: gone.size, new: added.size, all: was.length });
  }

  lossMoved() {
    const [was, now] = [this.before, this.after].map((trace) => number(trace.training.loss.mean));
    const way = was === now ? "same" : this.after.training.loss.mean > this.before.training.loss.mean ? "up" : "down";
    return this.context.say(`break.loss.${way}`, { was, now });
  }

  work() {
    const [was, now] = [this.before.inference, this.after.inference];
    const values = { was: was.rows_computed, now: now.rows_computed, once: was.encoder_passes, encoder: now.encoder_passes };
    return this.context.say("break.work", values);
  }

  // -- the translation, and the work --------------------------------------------------------------------------------

  translations() {
    const { say } = this.context;
    const sides = [this.before, this.after].map((trace) => trace.inference.tokens);
    const marked = only(...sides);
    const side = (i) => {
      const tokens = sides[i].slice(0, MOST);
      return h(
        "section.side-by-side",
        {},
        h("h4", {}, this.names[i]),
        h("p.whole-text", { dir: "auto" }, [this.before, this.after][i].inference.text || "∅"),
        h("p.written", {}, tokens.map((token, t) => [word(token.piece, marked[i].has(t) ? "changed" : ""), " "])),
        sides[i].length > MOST && h("p.limit", {}, say("page.limit", { n: MOST, all: sides[i].length })),
        i === 1 && this.after.inference.stop.reason === "limit" && h("p.limit", {}, say("break.stopped", { n: sides[i].length })),
      );
    };
    const byte = sides.flat().map((token) => token.piece).find(isByte);
    const different = marked[0].size + marked[1].size > 0;
    return [
      h("h3", {}, say("break.translation")),
      h("div.two", {}, side(0), side(1)),
      different && h("p.fine", {}, say("break.marked")),
      byte && h("p.fine", {}, say("words.bytes", { byte })),
    ];
  }

  numbers() {
    const { say } = this.context;
    const runs = [this.before, this.after].map((trace) => trace.inference);
    const rows = [
      ["encoder_passes", runs.map((run) => String(run.encoder_passes))],
      ["decoder_passes", runs.map((run) => String(run.decoder_passes))],
      ["rows", runs.map((run) => String(run.rows_computed))],
    ];
    if (this.taught) rows.push(["mean", [this.before, this.after].map((trace) => number(trace.training.loss.mean))]);
    const line = ([key, [was, now]]) =>
      h("tr", {}, h("th", { scope: "row" }, say(`break.${key}`)), h("td.num", {}, was), h(was !== now ? "td.num.moved" : "td.num", {}, now));
    return [
      h("h3", {}, say("break.numbers")),
      table(["", ...this.names], rows.map(line), { class: "work" }),
      UNCACHED.includes(this.after.removed) && h("p.fine", {}, say("break.uncached")),
    ];
  }

  // -- the loss, step by step ---------------------------------------------------------------------------------------

  losses() {
    const { say, trace } = this.context;
    const title = h("h3", {}, say("break.losses"));
    if (!this.taught) return [title, h("p", {}, say("break.losses.none")), command(trace.source.text, " --reference … -o page.html")];
    const [was, now] = [this.before, this.after].map((one) => one.training.steps);
    const most = Math.max(...was.map((step) => step.loss), ...now.map((step) => step.loss), 1e-9);
    this.pairs = was.slice(0, MOST).map((step, t) => this.pair(t, step, now[t], most));
    this.readout = h("p.readout", { "aria-live": "polite" });
    return [
      title,
      h("p", {}, say("break.losses.what")),
      h("p.legend", {}, h("span.whole", {}, this.names[0]), h("span.without", {}, this.names[1])),
      h("div.scroll", {}, h("div.bar-pairs", {}, this.pairs)),
      this.readout,
      was.length > MOST && h("p.limit", {}, say("page.limit", { n: MOST, all: was.length })),
    ];
  }

  pair(t, was, now, most) {
    const bar = (kind, step) => h(`i.${kind}`, { css: { "--high": `${((100 * step.loss) / most).toFixed(2)}%` } });
    const pick = () => this.context.store.set({ t });
    return h(
      "button.bar-pair",
      { type: "button", "data-t": t, title: `${number(was.loss, 2)} → ${number(now.loss, 2)}`, on: { click: pick } },
      h("span.bars", { "aria-hidden": "true" }, bar("whole", was), bar("without", now)),
      h("bdi", {}, was.label.piece),
    );
  }

  lossAt(t) {
    const [was, now] = [this.before, this.after].map((trace) => trace.training.steps[t]);
    const values = { t, word: word(was.label.piece), was: number(was.loss), now: number(now.loss) };
    return told(this.context.say, "break.at", values);
  }

  // -- where it looks -----------------------------------------------------------------------------------------------

  looks() {
    const { say } = this.context;
    this.kind = OF_DECODER.includes(this.after.removed) ? "self" : "cross";
    this.looked = [this.before, this.after].map((trace) => lastAttention(trace, this.mode, this.kind));
    if (this.looked.some((attention) => !attention?.weights)) return null;
    this.heads = h("div.picker");
    this.matrices = h("div.two");
    this.drawHead();
    return [
      h("h3", {}, say(`break.look.${this.mode}`, { name: this.looked[0].name })),
      this.heads,
      this.matrices,
      this.kind === "self" && this.mode === "inference" && h("p.fine", {}, say("break.unseen")),
    ];
  }

  /** Both matrices of the head that is picked; the buttons stay, and with them the focus. */
  drawHead() {
    const { say, store, width } = this.context;
    if (!this.heads) return;
    const count = this.looked[0].weights.shape[0];
    const head = Math.min(store.head, count - 1);
    if (!this.heads.firstChild) {
      const names = Array.from({ length: count }, (_, i) => [i, String(i + 1)]);
      swap(this.heads, h("span.pick", {}, say("words.head")), choice(say("words.head"), names, head, (i) => store.set({ head: i })));
    }
    for (const one of this.heads.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.dataset.value === String(head)));
    const room = width() > 680 ? (width() - 24) / 2 : width();
    this.pictures = [];
    const made = this.looked.map((attention, i) => {
      const [rows, cols] = this.axes([this.before, this.after][i], attention);
      const picture = this.picture(attention, head, rows, cols, Math.min(460, room), this.names[i]);
      // With Q from the wrong side the rows are source tokens, and no step of the slider is one of them.
      this.pictures.push({ picture, rows: attention.q_from === "memory" ? 0 : rows.length });
      return h(
        "section.side-by-side",
        {},
        h("h4", {}, this.names[i]),
        h("div.scroll", {}, picture.element),
        h("p.fine", {}, this.facts(attention, head)),
      );
    });
    swap(this.matrices, made);
    this.follow(store.t);
  }

  axes(trace, attention) {
    const pieces = (tokens) => tokens.map((token) => token.piece);
    const run = trace[this.mode];
    const taught = this.mode === "training";
    const fed = pieces(taught ? run.input : run.steps.map((step) => step.input));
    const written = pieces(taught ? run.labels : run.steps.map((step) => step.chosen));
    const source = pieces(this.before.source.tokens);
    const [, rows, cols] = attention.weights.shape;
    let asks = written;
    let answers = source;
    if (attention.kind === "decoder_self") asks = answers = fed;
    else if (attention.q_from === "memory") [asks, answers] = [source, fed];
    return [asks.slice(0, rows), answers.slice(0, cols)];
  }

  picture(attention, head, rows, cols, width, name) {
    const { palette, say } = this.context;
    const { shape, data } = read(attention.weights);
    const hidden = (r, c) => attention.allowed.length > 0 && !attention.allowed[r]?.[c];
    return matrix(palette, {
      rows,
      cols,
      value: (r, c) => data[(head * shape[1] + r) * shape[2] + c],
      masked: attention.allowed.some((line) => line.includes(0)) ? hidden : null,
      kind: "weight",
      width,
      most: 28,
      label: `${say("attention.label", { name: attention.name, head: head + 1 })} · ${name}`,
      onPick: (r) => attention.q_from !== "memory" && this.context.store.set({ t: r }),
    });
  }

  facts(attention, head) {
    const { say } = this.context;
    const [, rows, cols] = attention.weights.shape;
    const lines = Array.from({ length: rows }, (_, r) => row(attention.weights, head, r));
    const bits = lines.reduce((sum, line) => sum + entropy(line) / rows, 0);
    const said = [say("break.shape", { rows, cols }), say("break.bits", { bits: number(bits, 2) })];
    if (this.kind === "self" && this.mode === "training") {
      const later = lines.map((line, r) => line.slice(r + 1).reduce((a, b) => a + b, 0));
      const share = later.reduce((a, b) => a + b, 0) / rows;
      said.push(say("break.future", { share: share === 0 ? "0%" : percent(share) }));
    }
    return said.join(" · ");
  }
}

function lastAttention(trace, mode, kind) {
  const layers = trace[mode]?.pass.decoder ?? [];
  return layers[layers.length - 1]?.[kind] ?? null;
}

function learnt(say) {
  return h(
    "section.card.learnt",
    {},
    h("h3", {}, say("break.learnt")),
    h("p", {}, say("break.learnt.what")),
    h("p", {}, say("break.learnt.again"), " ", h("code", {}, "dragoman.explain.watch.unmasked.taught_on_noise(masked=False)")),
  );
}

/** Tokens that stand on one side only, by the longest run of tokens that both share in order: two sets of places. */
export function only(was, now) {
  const long = Array.from({ length: was.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = was.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      long[i][j] = was[i].id === now[j].id ? long[i + 1][j + 1] + 1 : Math.max(long[i + 1][j], long[i][j + 1]);
  const gone = new Set(was.keys());
  const added = new Set(now.keys());
  let [i, j] = [0, 0];
  while (i < was.length && j < now.length) {
    if (was[i].id === now[j].id) {
      gone.delete(i++);
      added.delete(j++);
    } else if (long[i + 1][j] >= long[i][j + 1]) i++;
    else j++;
  }
  return [gone, added];
}
