/* Stored tensors as numbers: base64 float16 in, Float32Array views out; decoded when first asked. Draws nothing. */

let table = null;

// All 65,536 half-precision numbers: a look-up is several times faster than taking each apart.
function halves() {
  if (table) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction ? NaN : sign * Infinity;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return table;
}

const decoded = new WeakMap();

/** {shape, data}: data is flat, in C order. */
export function read(tensor) {
  const known = decoded.get(tensor);
  if (known) return known;
  if (tensor.dtype !== "float16" && tensor.dtype !== "float32") throw new TypeError(`tensor of ${tensor.dtype}`);
  const raw = atob(tensor.data);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  let data;
  if (tensor.dtype === "float32") data = new Float32Array(bytes.buffer);
  else {
    const wide = halves();
    data = new Float32Array(raw.length / 2);
    for (let i = 0; i < data.length; i++) data[i] = wide[bytes[2 * i] | (bytes[2 * i + 1] << 8)];
  }
  const made = { shape: tensor.shape, data };
  decoded.set(tensor, made);
  return made;
}

/** The last axis at the given leading indices: row(q, head, t) is the K numbers of q. A view, not a copy. */
export function row(tensor, ...at) {
  const { shape, data } = read(tensor);
  const width = shape[shape.length - 1];
  let place = 0;
  at.forEach((index, axis) => {
    place = place * shape[axis] + index;
  });
  return data.subarray(place * width, (place + 1) * width);
}

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export function norm(a) {
  return Math.sqrt(dot(a, a));
}

/** Largest size of a number: what a scale of signed colours has to reach. */
export function reach(...lists) {
  let most = 1e-9;
  for (const list of lists) for (const x of list) if (Number.isFinite(x) && Math.abs(x) > most) most = Math.abs(x);
  return most;
}

/** Bits: 0 where all weight is on one place. */
export function entropy(weights) {
  let bits = 0;
  for (const p of weights) if (p > 0) bits -= p * Math.log2(p);
  return bits;
}

/** How many places each row of an attention may look at. */
export function choices({ weights, allowed }) {
  const [, rows, cols] = weights.shape;
  return Array.from({ length: rows }, (_, r) => (allowed?.[r] ? allowed[r].slice(0, cols).reduce((sum, open) => sum + Number(open), 0) : cols));
}

/** The rows that have a choice: the first one under a causal mask looks at itself whatever the head is like. */
export function choosing(attention) {
  return choices(attention).flatMap((count, r) => (count > 1 ? [r] : []));
}

/** Softmax over the allowed places; the others get exactly 0. */
export function softmax(scores, allowed = null) {
  const open = Array.from(scores, (_, i) => !allowed || Boolean(allowed[i]));
  const top = Math.max(...Array.from(scores).filter((_, i) => open[i]));
  const powers = Array.from(scores, (x, i) => (open[i] ? Math.exp(x - top) : 0));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/** Mean over heads of a [H, T, S] tensor, as rows. */
export function headMean(tensor) {
  const { shape, data } = read(tensor);
  const [heads, rows, cols] = shape;
  const made = Array.from({ length: rows }, () => new Float32Array(cols));
  for (let h = 0; h < heads; h++)
    for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) made[r][c] += data[(h * rows + r) * cols + c] / heads;
  return made;
}

/** A [rows, features] tensor made small: groups of features averaged by signed root mean square. */
export function shrunk(tensor, rows, groups) {
  const { shape, data } = read(tensor);
  const [length, width] = [shape[shape.length - 2], shape[shape.length - 1]];
  const count = Math.min(rows, length);
  const made = [];
  for (let r = 0; r < count; r++) {
    const from = Math.floor((r * length) / count) * width;
    const line = new Float32Array(Math.min(groups, width));
    for (let g = 0; g < line.length; g++) {
      const [a, b] = [Math.floor((g * width) / line.length), Math.floor(((g + 1) * width) / line.length)];
      let sum = 0;
      let square = 0;
      for (let i = a; i < b; i++) {
        sum += data[from + i];
        square += data[from + i] ** 2;
      }
      line[g] = Math.sign(sum) * Math.sqrt(square / (b - a));
    }
    made.push(line);
  }
  return made;
}
