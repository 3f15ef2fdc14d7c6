/* A sentence with elements in it: the gaps of a text of the interface filled with words of a trace. Knows no view. */

/** told(say, "beam.won", { text: word("dog") }) -> a list of strings and elements. */
export function told(say, key, values) {
  return say(key)
    .split(/\{(\w+)\}/)
    .map((part, i) => (i % 2 ? (values[part] ?? "") : part));
}
