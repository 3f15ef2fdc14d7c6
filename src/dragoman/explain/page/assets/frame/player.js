/* The bar at the foot: training or inference, the time step, and play. Shows what the step was fed and what it said. */

import { h, swap, button, choice, word, percent } from "../drawing/dom.js";

const BEAT = 900; // ms between two steps: time to read one word and its probability

export function player(context) {
  const { store, model, say } = context;
  const modes = h("div.modes");
  const line = h("p.now", { "aria-live": "polite" });
  const slider = h("input", { type: "range", min: -1, step: 1, "aria-label": say("player.step") });
  slider.addEventListener("input", () => store.set({ t: Number(slider.value), playing: false }));
  const play = button("", () => toggle(store, model), { class: "play" });
  const step = (by) => () =>
    store.set({ playing: false, t: Math.max(-1, Math.min(model.length(store.mode) - 1, store.t + by)) });
  context.watch(["mode"], () => {
    const items = [
      ["training", say("words.training"), !model.hasTraining],
      ["inference", say("words.inference")],
    ];
    swap(modes, choice(say("player.mode"), items, store.mode, (mode) => store.set({ mode })));
    slider.max = model.length(store.mode) - 1;
    if (store.t > slider.max) store.set({ t: Number(slider.max) });
  });
  context.watch(["mode", "t"], () => {
    slider.value = store.t;
    slider.setAttribute("aria-valuetext", say("player.at", { t: store.t }));
    swap(line, sentence(context));
  });
  context.watch(["playing"], () => {
    play.textContent = store.playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", say(store.playing ? "player.pause" : "player.play"));
    if (store.playing) beat(store, model);
  });
  const back = button("‹", step(-1), { class: "nudge", "aria-label": say("player.back") });
  const on = button("›", step(1), { class: "nudge", "aria-label": say("player.on") });
  return h("footer.player", {}, modes, play, back, slider, on, line);
}

function toggle(store, model) {
  if (store.playing) return store.set({ playing: false });
  const last = model.length(store.mode) - 1;
  return store.set({ playing: true, t: store.t >= last ? -1 : store.t });
}

function beat(store, model) {
  setTimeout(() => {
    if (!store.playing) return;
    const last = model.length(store.mode) - 1;
    // In training the decoder runs once: one beat for the encoder, one for all positions together.
    const next = store.mode === "training" ? last : store.t + 1;
    store.set({ t: Math.min(last, next) });
    if (store.t >= last) store.set({ playing: false });
    else beat(store, model);
  }, BEAT);
}

function sentence(context) {
  const { store, model, say } = context;
  if (store.t < 0) return [h("b", {}, say("player.encoder")), " ", say("player.encoder.what", { n: model.source.length })];
  const step = model.step(store.mode, store.t);
  const parts = [h("b", {}, `t = ${store.t}`), " ", say("player.fed"), " ", word(step.input.piece, "fed"), " "];
  // The label is what should be said: whether the two agree is a mark on what the model says.
  const judged = step.label ? (step.label.id === step.says.id ? "right" : "other") : "said";
  parts.push(say("player.says"), " ", word(step.says.piece, judged), ` ${percent(step.p)}`);
  if (step.label) parts.push(" ", say("player.label"), " ", word(step.label.piece), ` ${percent(step.p_label)}`);
  return parts;
}
