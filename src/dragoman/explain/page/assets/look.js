/* The look into one translation: header, map, views and player around one state. `mount` is the only entry. */

import { h, swap, button } from "./drawing/dom.js";
import { Palette } from "./drawing/colour.js";
import { isChange, partName } from "./drawing/told.js";
import { signed } from "./drawing/more.js";
import { Model } from "./trace/model.js";
import { LANGUAGES, closest, speaker } from "./frame/words.js";
import { Store } from "./frame/store.js";
import { player } from "./frame/player.js";
import { map } from "./frame/map.js";
import { CHAPTERS } from "./chapters.js";

const WIDE = 1080; // px: from here on the map stands beside the views
const LONG = 90; // letters of both sides, a Chinese one for two: from here on the title is written smaller
const KEYS = { back: "[", on: "]", mode: "m" };

/**
 * Shows `trace` (version 1) inside `element`. options: lang, the code of a table of sentences; theme "light" | "dark" (default: the
 * system's); switches: false where the page around has those of language and theme; comparisons: traces with a part removed; fetchBroken(name) -> Promise of such a trace; code: file:line
 * by part. Gives { destroy() }.
 */
export function mount(element, trace, options = {}) {
  if (trace.format !== "dragoman.trace" || trace.version !== 1) throw new TypeError("not a trace of version 1");
  const look = new Look(element, trace, options);
  look.start();
  return look;
}

class Look {
  constructor(element, trace, options) {
    this.root = element;
    this.trace = trace;
    this.options = options;
    this.model = new Model(trace);
    this.scope = [];
    const dark = window.matchMedia?.("(prefers-color-scheme: dark)").matches;
    this.store = new Store({
      lang: closest(options.lang ?? navigator.language),
      theme: options.theme ?? (dark ? "dark" : "light"),
      mode: "inference",
      t: Math.min(1, this.model.length("inference") - 1),
      view: this.fromAddress() ?? CHAPTERS[0].id,
      kind: "cross",
      layer: this.model.layers("cross") - 1,
      head: 0,
      key: null,
      playing: false,
      encoder: 0,
      decoder: this.model.layers("cross") - 1,
    });
    this.lent = this.wanted() ? this.store.mode : null; // the mode to go back to when the view is left
    this.store.mode = this.wanted() ?? this.store.mode;
  }

  /** The mode that the view is about, where it is about one that this trace has. */
  wanted() {
    const { mode = null } = CHAPTERS.find((chapter) => chapter.id === this.store.view) ?? {};
    return mode === "training" && !this.model.hasTraining ? null : mode;
  }

  fromAddress() {
    const name = location.hash.slice(1);
    return CHAPTERS.some((chapter) => chapter.id === name) ? name : null;
  }

  start() {
    this.root.classList.add("dragoman-look");
    this.store.watch(["lang", "theme"], () => this.build());
    this.store.watch(["view"], () => this.enter());
    this.onKey = (event) => this.key(event);
    this.onSize = () => this.resized();
    this.onHash = () => this.store.set({ view: this.fromAddress() ?? this.store.view });
    document.addEventListener("keydown", this.onKey);
    window.addEventListener("resize", this.onSize);
    window.addEventListener("hashchange", this.onHash);
    this.unsign = signed(this.root);
    this.build();
  }

  destroy() {
    window.removeEventListener("resize", this.onSize);
    window.removeEventListener("hashchange", this.onHash);
    document.removeEventListener("keydown", this.onKey);
    this.unsign();
    this.store.set({ playing: false });
    this.leave();
    this.store.clear();
    swap(this.root);
  }

  /** What every view gets. `watch` ends with the view. */
  context(scope) {
    return {
      trace: this.trace,
      model: this.model,
      store: this.store,
      say: this.say,
      palette: this.palette,
      options: this.options,
      code: this.options.code ?? {},
      open: (view, change = {}) => this.store.set({ ...change, view }),
      drawer: (...content) => this.show(...content),
      width: () => this.main?.clientWidth || 360,
      mapBeside: () => this.isWide(),
      watch: (keys, run) => {
        scope.push(this.store.watch(keys, run));
        run();
      },
      leave: (run) => scope.push(run),
    };
  }

  build() {
    this.leave();
    for (const end of this.frame ?? []) end();
    this.frame = [];
    const { lang, theme } = this.store;
    this.say = speaker(lang, this.model.standsIn);
    this.palette = new Palette(theme);
    const held = [".language", ".theme"].find((one) => this.root.querySelector(one) === document.activeElement);
    this.root.setAttribute("data-theme", theme);
    this.root.setAttribute("lang", this.say("language.tag"));
    this.main = h("main.view", { id: "dragoman-view", tabindex: "-1" });
    this.side = h("aside.side", { "aria-label": this.say("map.title") });
    this.note = h("div.drawer", { role: "region", "aria-label": this.say("page.drawer"), hidden: true });
    this.tabs = h("nav.tabs", { "aria-label": this.say("page.nav") }, CHAPTERS.map((chapter) => this.tab(chapter)));
    const context = this.context(this.frame);
    swap(
      this.root,
      this.header(),
      this.tabs,
      h("div.body", {}, this.side, h("div.column", {}, this.main)),
      this.note,
      player(context),
    );
    // A recurrent model has no boxes to fill.
    if (this.isWide() && this.model.pass("inference").embedding) swap(this.side, map(context));
    this.turn();
    if (held) this.root.querySelector(held)?.focus();
  }

  isWide() {
    return this.root.clientWidth >= WIDE;
  }

  resized() {
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      if (this.root.clientWidth !== this.lastWidth) this.build();
    }, 150);
  }

  header() {
    const { lang, theme } = this.store;
    const { source, inference, removed } = this.trace;
    const failed = this.trace.proofs.filter((proof) => !proof.passed);
    return h(
      "header.top",
      {},
      h(
        source.text.length + 2 * inference.text.length > LONG ? "h1.sentence.long" : "h1.sentence",
        {},
        h("bdi.source", {}, source.text),
        h("span.to", { "aria-hidden": "true" }, "→"),
        h("bdi.target", {}, inference.text),
        removed && h("span.removed", {}, this.say(isChange(removed) ? "page.added" : "page.removed", { part: partName(this.say, removed) })),
      ),
      this.options.switches !== false && h(
        "div.switches",
        {},
        LANGUAGES.filter((other) => other !== lang).map((other) => {
          const named = speaker(other);
          const pick = () => this.store.set({ lang: other });
          return button(named("language.name"), pick, { class: "quiet language", lang: named("language.tag") });
        }),
        button(theme === "dark" ? "☀" : "☾", () => this.store.set({ theme: theme === "dark" ? "light" : "dark" }), {
          class: "quiet theme",
          "aria-label": this.say(theme === "dark" ? "page.light" : "page.dark"),
        }),
      ),
      failed.length > 0 &&
        h("p.alarm", { role: "alert" }, this.say("page.failed", { list: failed.map((proof) => proof.id).join(", ") })),
    );
  }

  /** Opens a view in the mode that it is about, and gives the mode back when it is left. */
  enter() {
    this.leave(); // before the mode changes: the view that is left need not follow
    const mode = this.wanted();
    const before = this.lent ?? this.store.mode;
    this.lent = mode && before !== mode ? before : null;
    this.store.set({ mode: mode ?? before });
    this.turn();
  }

  turn() {
    const lost = this.main.contains(document.activeElement);
    this.leave();
    this.scope = [];
    this.lastWidth = this.root.clientWidth;
    this.show();
    const at = Math.max(0, CHAPTERS.findIndex((chapter) => chapter.id === this.store.view));
    const context = this.context(this.scope);
    const { make, id } = CHAPTERS[at];
    this.root.setAttribute("data-view", id);
    swap(this.main, h("h2", {}, this.say(`${id}.title`)), make(context), this.pager(at));
    this.main.scrollTop = 0;
    if (this.root.getBoundingClientRect().top < 0) this.root.scrollIntoView();
    // Not replaceState everywhere: a page inside an iframe without an address of its own refuses it.
    try {
      history.replaceState(null, "", `#${id}`);
    } catch {
      /* the page works without an address */
    }
    for (const one of this.tabs.children) {
      if (one.dataset.view === id) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    const tab = this.tabs.querySelector("[aria-current]");
    if (!tab) return;
    // Of the bar alone: scrollIntoView would move the page as well, on a telephone to its foot.
    const [bar, box] = [this.tabs.getBoundingClientRect(), tab.getBoundingClientRect()];
    this.tabs.scrollLeft += box.left + box.width / 2 - (bar.left + bar.width / 2);
    // What was pressed is gone with its view.
    if (lost) tab.focus({ preventScroll: true });
  }

  tab(chapter) {
    return button(this.say(`${chapter.id}.tab`), () => this.store.set({ view: chapter.id }), { "data-view": chapter.id });
  }

  pager(at) {
    const turn = (chapter, sign) =>
      chapter &&
      button(`${sign < 0 ? "← " : ""}${this.say(`${chapter.id}.tab`)}${sign > 0 ? " →" : ""}`, () =>
        this.store.set({ view: chapter.id }),
      );
    return h("div.pager", {}, turn(CHAPTERS[at - 1], -1) ?? h("span"), turn(CHAPTERS[at + 1], 1));
  }

  leave() {
    for (const end of this.scope) end();
    this.scope = [];
  }

  /** Opens the drawer with content, or closes it. */
  show(...content) {
    this.note.hidden = content.length === 0;
    if (content.length === 0) return swap(this.note);
    const close = button("✕", () => this.show(), { class: "close", "aria-label": this.say("page.close") });
    return swap(this.note, close, content);
  }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !this.root.checkVisibility()) return;
    if (event.target.matches?.("input:not([type=range]), select, textarea, [contenteditable]")) return;
    if (event.key === "Escape") return void this.show();
    const t = this.store.t;
    const last = this.model.length(this.store.mode) - 1;
    if (event.key === KEYS.back) this.store.set({ t: Math.max(-1, t - 1) });
    else if (event.key === KEYS.on) this.store.set({ t: Math.min(last, t + 1) });
    else if (event.key === KEYS.mode && this.model.hasTraining)
      this.store.set({ mode: this.store.mode === "training" ? "inference" : "training" });
    else return;
    event.preventDefault();
  }
}
