/* Files that are dropped on the page or chosen: sent, and offered for download when they come back. */

import { Refused, translateFile } from "./api.js";
import { say } from "./i18n.js";
import { told } from "./troubles.js";

/** `about()` gives { formats, bytes, source, target, glossary, beam } as they are when a file comes. */
export function takeFiles({ drop, field, button, list, about }) {
  const take = (files) => [...files].forEach((file) => send(file, list, about()));
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  button.addEventListener("click", () => {
    field.accept = about().formats.join(",");
    field.click();
  });
  field.addEventListener("change", () => {
    take(field.files);
    field.value = "";
  });
  window.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    drop.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    drop.hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

async function send(file, list, { formats, bytes, ...wish }) {
  const [item, name, state] = ["li", "b", "span"].map((kind) => document.createElement(kind));
  name.textContent = file.name;
  const remove = Object.assign(document.createElement("button"), { className: "plain icon", textContent: "✕" });
  remove.dataset.label = "remove";
  remove.setAttribute("aria-label", say("remove"));
  remove.addEventListener("click", () => item.remove());
  item.append(name, " ", state, remove);
  list.append(item);
  const dot = file.name.lastIndexOf(".");
  const suffix = dot < 0 ? "" : file.name.slice(dot).toLowerCase();
  const failed = (text) => {
    state.textContent = text;
    item.className = "refused";
  };
  if (!formats.includes(suffix)) return failed(say("file.format", { formats: formats.join(" ") }));
  if (file.size > bytes) return failed(say("file.large", { most: Math.floor(bytes / 1e6) }));
  state.textContent = say("file.working");
  state.dataset.say = "file.working";
  item.setAttribute("aria-busy", "true");
  try {
    const blob = await translateFile(file, wish);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${file.name.slice(0, dot)}.${wish.target}${suffix}`;
    link.textContent = say("file.done");
    link.dataset.say = "file.done";
    state.replaceChildren(link);
  } catch (error) {
    failed(error instanceof Refused ? told(error.message) : say("offline"));
  }
  delete state.dataset.say;
  item.removeAttribute("aria-busy");
  return undefined;
}
