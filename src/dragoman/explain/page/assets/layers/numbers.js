/* What each sublayer adds to the stream, in numbers: how long, and how far it turns a word. Draws nothing. */

export const NAMES = { encoder: ["self", "feed"], decoder: ["self", "cross", "feed"] };

/** A recurrent model tells where it looked and nothing of its layers. */
export function hasStream(pass, stack) {
  return pass[stack].length > 0 && pass[stack].every((layer) => layer.residuals.length > 0);
}

/** All sublayers of a stack in the order in which a word passes them. */
export function sublayers(pass, stack) {
  return pass[stack].flatMap((layer, n) =>
    layer.residuals.map((residual, sub) => ({ layer: n, sub, name: NAMES[stack][sub], residual })),
  );
}

/** How far a word is moved, as a share of its length: |sublayer| / |x|. At null, the mean of all positions. */
export function ratio(residual, i) {
  return at(residual.sublayer.map((y, n) => y / residual.x[n]), i);
}

/** Degrees between x and x + sublayer, by the law of cosines: three lengths are enough. */
export function turn(residual, i) {
  const one = (x, y, sum) => {
    const cosine = (x * x + sum * sum - y * y) / (2 * x * sum);
    return (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI;
  };
  return at(residual.x.map((x, n) => one(x, residual.sublayer[n], residual.sum[n])), i);
}

export function at(values, i) {
  return i === null ? values.reduce((a, b) => a + b, 0) / values.length : values[i];
}

/** The sublayers, the one that moves the word at i most in front. */
export function ranked(parts, i) {
  return [...parts].sort((a, b) => ratio(b.residual, i) - ratio(a.residual, i));
}

/** The length of the stream at position i: as it enters the stack, then behind each sublayer. */
export function along(parts, i) {
  return [parts[0].residual.x[i], ...parts.map(({ residual }) => handedOn(residual)[i])];
}

function handedOn(residual) {
  return residual.order === "post" ? (residual.normed ?? residual.sum) : residual.sum;
}

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  const middle = (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
  return { low: sorted[0], middle, high: sorted[sorted.length - 1] };
}
