/* Which boxes the figure has, read from what a model recorded: pre- or post-norm. Draws nothing. */

const SUBLAYERS = { encoder: ["self", "feed"], decoder: ["self", "cross", "feed"] };
const HIGH = { attention: 58, feed: 44, norm: 20, add: 20, both: 24 };
const FORKS = 24; // px below an attention: room for three arrows and their letters
const APART = 11; // px between one sublayer and the next, where a residual arrow leaves the stream

/**
 * The boxes of one layer from the bottom up: {name, part, sub, high, gap}. part: "norm" | "self" | "cross" | "feed" |
 * "add" | "both" (Add & Norm, of the paper's order); sub: which sublayer it belongs to; gap: px below the box.
 */
export function boxesOf(side, layer) {
  return SUBLAYERS[side].flatMap((name, sub) => {
    const attends = name !== "feed";
    const before = attends ? FORKS : APART;
    const box = (part, gap, named = `${part}${sub}`) => ({
      name: named, part, sub, gap, high: HIGH[attends && part === name ? "attention" : part],
    });
    if (isPre(layer)) return [box("norm", APART), box(name, attends ? FORKS : 4, name), box("add", 4)];
    return [box(name, before, name), box("both", 4)];
  });
}

/** Whether the layer norms what a sublayer reads, instead of what it has added. */
export function isPre(layer) {
  return layer.residuals[0]?.order === "pre";
}

/** The name of a sublayer of a side. */
export function sublayer(side, sub) {
  return SUBLAYERS[side][sub];
}

/** The height of all boxes and gaps of a layer. */
export function heightOf(boxes) {
  return boxes.reduce((sum, { high, gap }) => sum + high + gap, 0);
}
