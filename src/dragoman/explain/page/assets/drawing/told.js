/* Sentences filled with elements and with names of parts: what a text of the interface leaves open. Knows no view. */

/** told(say, "beam.won", { text: word("dog") }) -> a list of strings and elements. */
export function told(say, key, values) {
  return say(key)
    .split(/\{(\w+)\}/)
    .map((part, i) => (i % 2 ? (values[part] ?? "") : part));
}

/** causal_mask -> "causal mask", in the language of the page. */
export function partName(say, part) {
  if (!part.startsWith("head:")) return say(`break.part.${part}`);
  const [, name, head] = part.split(":");
  return say("break.part.head", { name, head });
}
