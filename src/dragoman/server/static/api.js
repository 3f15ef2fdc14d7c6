/* Requests to the server that this page came from, and to no other. Shows nothing. */

let key = "";

export function useKey(value) {
  key = value.trim();
}

/** What the server said instead of an answer. `wait` is in seconds, for what may work later. */
export class Refused extends Error {
  constructor(status, message, wait) {
    super(message);
    Object.assign(this, { status, wait });
  }
}

async function ask(path, init = {}) {
  const headers = { ...init.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new Refused(response.status, said.error ?? response.statusText, Number(response.headers.get("retry-after")) || 0);
}

async function post(path, body, signal) {
  const init = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal };
  return (await ask(path, init)).json();
}

/** File and line of each part of the model, for the views that name where a number is computed. */
export const places = async () => (await ask("assets/places.json")).json();
export const models = async () => (await ask("api/models")).json();
export const translate = (wish, signal) => post("api/translate", wish, signal);
export const explain = (wish, signal) => post("api/explain", wish, signal);

/** A translated file. What the server names is looked up beside this page, whatever address it says. */
export async function translateFile(file, { source, target, glossary, beam }) {
  const form = new FormData();
  form.append("file", file);
  form.append("source", source);
  form.append("target", target);
  if (Object.keys(glossary).length) form.append("glossary", JSON.stringify(glossary));
  if (beam) form.append("beam_size", beam);
  if (key) form.append("api_key", key);
  const { translatedFileUrl } = await (await ask("translate_file", { method: "POST", body: form })).json();
  return (await ask(`download_file/${translatedFileUrl.split("/").at(-1)}`)).blob();
}
