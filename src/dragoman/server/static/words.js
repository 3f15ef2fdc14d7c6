/* From the tokens of a model to places in a text: which words there are, and which belong together. Draws nothing. */

const BYTE = /^<0x([0-9A-F]{2})>$/;
const FAR = 60; // characters: a token further on than that is another one
const LETTER = /[\p{L}\p{N}\p{M}_]/u;
const SOLID = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u30ff]/u;

/** [start, end) of each token in the text, null for those that are not in it (what stood in for a placeholder). */
export function places(tokens, text) {
  const found = [];
  let at = 0;
  for (let i = 0; i < tokens.length; ) {
    const [piece, count] = spelled(tokens, i);
    const start = piece ? text.indexOf(piece, at) : -1;
    const hit = start >= 0 && start - at <= FAR;
    for (let j = 0; j < count; j++) found.push(hit ? [start, start + piece.length] : null);
    if (hit) at = start + piece.length;
    i += count;
  }
  return found;
}

/** What a token spells, and how many tokens that takes: bytes make a character together. */
function spelled(tokens, i) {
  const bytes = [];
  let end = i;
  while (end < tokens.length && BYTE.test(tokens[end])) bytes.push(parseInt(BYTE.exec(tokens[end++])[1], 16));
  if (bytes.length) return [new TextDecoder().decode(new Uint8Array(bytes)).trim(), end - i];
  return [tokens[i].replaceAll("▁", " ").trim(), 1];
}

/** Words: {start, end, tokens: indices}. A Chinese token is one; of other scripts, all tokens up to a space. */
export function words(tokens, text) {
  const found = [];
  places(tokens, text).forEach((place, token) => {
    if (!place) return;
    const [start, end] = place;
    const last = found.at(-1);
    if (last && start < last.end) last.tokens.push(token);
    else if (last && start === last.end && inside(text, start)) {
      last.end = end;
      last.tokens.push(token);
    } else found.push({ start, end, tokens: [token] });
  });
  return found;
}

function inside(text, at) {
  const [before, after] = [text[at - 1] ?? "", text[at] ?? ""];
  return LETTER.test(before) && LETTER.test(after) && !SOLID.test(before) && !SOLID.test(after);
}

/** Which words belong together: pairs of a source word and a target word. */
export function links(alignment, source, target) {
  const owner = (list) => new Map(list.flatMap((word) => word.tokens.map((token) => [token, word])));
  const [sources, targets] = [owner(source), owner(target)];
  const seen = new Map();
  for (const [from, to] of alignment ?? []) {
    const [s, t] = [sources.get(from), targets.get(to)];
    if (s && t) seen.set(`${s.start} ${t.start}`, [s, t]);
  }
  return [...seen.values()];
}

/** Where the sentence around a place starts and ends. */
export function sentenceAt(text, place) {
  let start = 0;
  for (const end of text.matchAll(/[。！？]+["'”’»）)]*\s*|[.!?…]+["'”’»)]*\s+|\n\s*/gu)) {
    const next = end.index + end[0].length;
    if (next > place) return [start, next];
    start = next;
  }
  return [start, text.length];
}
