/* Sentences filled with elements and with names of parts: what a text of the interface leaves open. Knows no view. */

/** told(say, "beam.won", { text: word("dog") }) -> a list of strings and elements. */
export function told(say, key, values) {
  return say(key)
    .split(/\{(\w+)\}/)
    .map((part, i) => (i % 2 ? (values[part] ?? "") : part));
}

/** What kind of part it is: encoder.3 and decoder.1 are layers; of all others the name before the colon. */
export function kindOf(part) {
  return /^(en|de)coder\./.test(part) ? "layer" : part.split(":")[0];
}

/** Whether something was put in, or in another place, and nothing taken away: "with" it, then. */
export function isChange(part) {
  return ["twice", "swap"].includes(kindOf(part));
}

/** causal_mask -> "causal mask", in the language of the page. */
export function partName(say, part) {
  if (/^(twice:)?(en|de)coder\./.test(part)) return say(`break.part.${kindOf(part)}`, { name: part.replace("twice:", "") });
  if (!part.startsWith("head:")) return say(`break.part.${part}`);
  const [, name, head] = part.split(":");
  return say("break.part.head", { name, head });
}
