/* Break it: which part to remove, and the comparison, embedded or fetched. Runs no model and draws no comparison. */

import { h, swap, button, select } from "../drawing/dom.js";
import { isChange, partName } from "../drawing/told.js";
import { Comparison, command } from "./result.js";

/** As the program names them; a head is "head:decoder.2.cross:3". */
export const PARTS = ["causal_mask", "shift", "scale", "cache", "positions", "encoder", "swap", "training"];

// By trace: what was fetched outlives the view, which is built anew for each language and theme.
const MEMORY = new WeakMap();

export function breakIt(context) {
  const bench = new Bench(context);
  context.watch(["mode"], () => bench.draw());
  context.watch(["head"], () => bench.shown?.drawHead());
  context.watch(["t"], () => bench.follow());
  return bench.element;
}

function remembered({ trace, options }) {
  if (!MEMORY.has(trace)) {
    const found = new Map((options.comparisons ?? []).map((record) => [record.removed, record]));
    MEMORY.set(trace, { found, waiting: new Map(), part: found.keys().next().value ?? null });
  }
  return MEMORY.get(trace);
}

class Bench {
  constructor(context) {
    this.context = context;
    this.memory = remembered(context);
    // Only a Transformer's parts can be removed, and a server would refuse each.
    this.able = context.trace.model.kind === "transformer";
    this.live = this.able && typeof context.options.fetchBroken === "function";
    this.parts = h("div.parts", { role: "group", "aria-label": context.say("break.parts") });
    this.note = h("div.parts-note", { "aria-live": "polite" });
    this.place = h("div.broken");
    this.shown = null;
    this.element = h(
      "div.break",
      {},
      h("p.lead", {}, context.say("break.lead")),
      this.parts,
      this.live && this.heads(),
      this.note,
      this.place,
    );
    this.buttons();
    if (!this.live && this.memory.found.size === 0) swap(this.note, this.nothing());
    else if (this.memory.part === null) swap(this.note, h("p.hint", {}, context.say("break.pick")));
    else if (!this.memory.found.has(this.memory.part)) this.pick(this.memory.part);
  }

  /** Everything that can be looked at: what is here already, and what a server can run. */
  names() {
    const here = [...this.memory.found.keys()];
    const usual = PARTS.filter((part) => this.live || here.includes(part));
    return [...usual, ...here.filter((part) => !PARTS.includes(part))];
  }

  buttons() {
    const { say } = this.context;
    const made = this.names().map((part) =>
      button(partName(say, part), () => this.pick(part), {
        "aria-pressed": String(part === this.memory.part),
        "data-part": part,
      }),
    );
    swap(this.parts, made);
  }

  press() {
    for (const one of this.parts.children) one.setAttribute("aria-pressed", String(one.dataset.part === this.memory.part));
  }

  /** Any head of any attention, for a page that can ask. */
  heads() {
    const { context } = this;
    const { model, say } = context;
    const names = [];
    for (const kind of ["cross", "decoder_self", "encoder_self"])
      for (let layer = 0; layer < model.layers(kind); layer++) names.push(model.attention("inference", kind, layer)?.name);
    const known = names.filter(Boolean);
    const chosen = { name: known[0], head: 1 };
    const numbers = Array.from({ length: model.heads }, (_, i) => [i + 1, String(i + 1)]);
    return h(
      "div.picker",
      {},
      select(say("words.head"), numbers, 1, (head) => {
        chosen.head = head;
      }),
      select(say("break.in"), known.map((name) => [name, name]), chosen.name, (name) => {
        chosen.name = name;
      }),
      button(say("break.remove.head"), () => this.pick(`head:${chosen.name}:${chosen.head}`), { class: "silence" }),
    );
  }

  async pick(part) {
    const { memory, context } = this;
    memory.part = part;
    this.press();
    swap(this.note);
    if (memory.found.has(part)) return void this.draw();
    this.shown = null;
    swap(this.place, h("p.busy", {}, context.say(isChange(part) ? "break.busy.with" : "break.busy", { part: partName(context.say, part) })));
    this.place.setAttribute("aria-busy", "true");
    try {
      await this.fetched(part);
    } catch (error) {
      // What the server says is data: it goes in as text.
      if (memory.part === part) swap(this.note, h("p.trouble", { role: "alert" }, context.say("break.failed"), " ", h("bdi", {}, String(error.message ?? error))));
    }
    // A head has a button of its own from now on; the others keep theirs, and the focus.
    if (!PARTS.includes(part)) this.buttons();
    this.draw();
  }

  fetched(part) {
    const { waiting, found } = this.memory;
    if (!waiting.has(part)) {
      const asked = this.context.options
        .fetchBroken(part)
        .then((record) => found.set(part, record))
        .finally(() => waiting.delete(part));
      waiting.set(part, asked);
    }
    return waiting.get(part);
  }

  draw() {
    const record = this.memory.found.get(this.memory.part);
    if (!record) {
      if (!this.memory.waiting.has(this.memory.part)) this.clear();
      return;
    }
    this.place.removeAttribute("aria-busy");
    this.shown = new Comparison(this.context, record, partName(this.context.say, record.removed));
    swap(this.place, this.shown.element);
    this.follow();
  }

  clear() {
    this.place.removeAttribute("aria-busy");
    this.shown = null;
    swap(this.place);
  }

  follow() {
    this.shown?.follow(this.context.store.t);
  }

  nothing() {
    const { say, trace } = this.context;
    if (!this.able) return h("p", {}, say("break.none.outside"));
    return [h("p", {}, say("break.none")), command(trace.source.text, " -o page.html")];
  }
}
