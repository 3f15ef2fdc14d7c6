/* Where each node of a beam stands: a column for each step, in it the most probable on top. Draws nothing. */

export const MOST = 300; // nodes drawn: beyond that the least promising are counted instead

/**
 * { byId, children, winning, columns: [{ t, nodes, folded }], drawn, hidden, tall }: `winning` are the ids on the path
 * of the winner, `folded` counts the nodes of a step that are not drawn.
 */
export function layout(beam, most = MOST) {
  const byId = new Map(beam.nodes.map((node) => [node.id, node]));
  const children = new Map();
  for (const node of beam.nodes) {
    if (!children.has(node.parent)) children.set(node.parent, []);
    children.get(node.parent).push(node);
  }
  const winner = beam.nodes.find((node) => node.state === "won") ?? null;
  const winning = new Set(winner ? pathTo(byId, winner).map((node) => node.id) : []);
  const steps = new Map();
  for (const node of beam.nodes) {
    if (!steps.has(node.t)) steps.set(node.t, []);
    steps.get(node.t).push(node);
  }
  const rank = new Map();
  for (const nodes of steps.values()) {
    nodes.sort((a, b) => b.total - a.total || a.id - b.id);
    nodes.forEach((node, place) => rank.set(node.id, place));
  }
  const drawn = picked(beam.nodes, { byId, winning, rank, most });
  const columns = [...steps.entries()]
    .sort(([a], [b]) => a - b)
    .map(([t, nodes]) => {
      const shown = nodes.filter((node) => drawn.has(node.id));
      return { t, nodes: shown, folded: nodes.length - shown.length };
    });
  const tall = Math.max(...columns.map(({ nodes, folded }) => nodes.length + (folded > 0)));
  return { byId, children, winner, winning, rank, columns, drawn, hidden: beam.nodes.length - drawn.size, tall };
}

/** From the root to the node, both included. */
export function pathTo(byId, node) {
  const path = [];
  for (let at = node; at; at = at.parent === null ? null : byId.get(at.parent)) path.push(at);
  return path.reverse();
}

/** The winner's path first, then what ended, what lived, what was given up; never a node without its parents. */
function picked(nodes, { byId, winning, rank, most }) {
  const worth = (node) => (winning.has(node.id) ? 0 : { finished: 1, live: 2 }[node.state] ?? 3);
  const order = [...nodes].sort((a, b) => worth(a) - worth(b) || rank.get(a.id) - rank.get(b.id) || a.t - b.t);
  const drawn = new Set();
  for (const node of order) {
    const missing = pathTo(byId, node).filter((one) => !drawn.has(one.id));
    if (drawn.size + missing.length > most) continue;
    for (const one of missing) drawn.add(one.id);
  }
  return drawn;
}

/** A node that was kept, but none of its continuations was. */
export function starved(plan, node) {
  return node.state === "live" && !(plan.children.get(node.id) ?? []).some((child) => child.state !== "pruned");
}

/** What the beam wrote to the end, the best score first. */
export function endings(nodes) {
  return nodes.filter((node) => node.state === "won" || node.state === "finished").sort((a, b) => b.score - a.score || a.id - b.id);
}

/** Tokens as text: spaces where the pieces have them, and bytes put together to letters. */
export function spelled(tokens) {
  const parts = [];
  let bytes = [];
  const flush = () => {
    if (bytes.length) parts.push(new TextDecoder().decode(new Uint8Array(bytes)));
    bytes = [];
  };
  for (const token of tokens) {
    if (token.byte) {
      bytes.push(Number.parseInt(token.piece.slice(3, 5), 16));
      continue;
    }
    flush();
    if (token.piece !== "<s>" && token.piece !== "</s>") parts.push(token.piece.replaceAll("▁", " "));
  }
  flush();
  return parts.join("").trim();
}
