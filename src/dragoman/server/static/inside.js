/* The tab that looks inside: fetches the trace of a sentence and hands it to the views, which load when first wanted. */

import { explain, places, Refused } from "./api.js";
import { language, say } from "./i18n.js";
import { told } from "./troubles.js";
import { sentenceAt } from "./words.js";

export class Inside {
  /** `field` is where a right translation is written: it belongs to one sentence, and goes when that goes. */
  constructor(element, note, field) {
    Object.assign(this, { element, note, field, sentence: null, shown: null, look: null, asked: null });
  }

  /** Shows how `text` is translated by `model`; does nothing where that is shown already. */
  async open(text, model, theme) {
    const whole = text.trim();
    const sentence = whole.slice(...sentenceAt(whole, 0)).trim();
    if (this.sentence !== null && sentence !== this.sentence) this.field.value = "";
    this.sentence = sentence;
    const reference = this.field.value.trim();
    const wanted = JSON.stringify([sentence, reference, model, theme, language()]);
    if (wanted === this.shown) return;
    this.close();
    this.shown = wanted;
    const { signal } = (this.asked = new AbortController());
    if (!sentence) return void (this.note.textContent = say("inside.empty"));
    this.note.textContent = say("inside.working");
    try {
      styles("assets/look.css");
      const wish = { text: sentence, ...(reference ? { reference } : {}), ...(model ? { model } : {}) };
      const [{ mount }, trace, code] = await Promise.all([import(new URL("assets/look.js", document.baseURI)), explain(wish, signal), places()]);
      if (this.shown !== wanted) return;
      const fetchBroken = (without) => explain({ ...wish, without }, signal);
      const fetchTried = (tried) => explain({ ...wish, ...tried }, signal);
      this.look = mount(this.element, trace, { lang: language(), theme, fetchBroken, fetchTried, code, switches: false });
      this.note.textContent = sentence === whole ? "" : say("inside.first");
    } catch (error) {
      if (this.shown !== wanted) return;
      this.shown = null;
      const again = Object.assign(document.createElement("button"), { textContent: say("inside.again") });
      again.addEventListener("click", () => this.open(text, model, theme));
      this.note.replaceChildren(error instanceof Refused ? told(error.message) : say("offline"), " ", again);
    }
  }

  /** A question that nobody waits for any more is taken back, so that the server is free for the next. */
  close() {
    this.asked?.abort();
    this.look?.destroy();
    this.look = this.shown = null;
    this.element.replaceChildren();
  }
}

function styles(...paths) {
  for (const path of paths) {
    if (document.querySelector(`link[href="${path}"]`)) continue;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: path }));
  }
}
