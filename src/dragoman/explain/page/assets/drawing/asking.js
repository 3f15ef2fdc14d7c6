/* A form that asks a server for one more run of the sentence. Draws no result. */

import { h } from "./dom.js";

/** `fields` are elements; `wish()` says what is asked for, or null; `done` gets the trace that comes back. */
export function asking({ options, say }, label, fields, wish, done) {
  const note = h("span.hint", { role: "status" });
  const send = h("button.primary", { type: "submit" }, label);
  const submit = async (event) => {
    event.preventDefault();
    const tried = wish();
    if (!tried) return;
    send.disabled = true;
    note.textContent = say("teach.busy");
    try {
      done(await options.fetchTried(tried));
    } catch (error) {
      // What the server says is data: it goes in as text.
      note.textContent = String(error.message ?? error);
    } finally {
      send.disabled = false;
    }
  };
  return h("form.picker", { on: { submit } }, fields, send, note);
}
