/* Colour scales that rise or fall in lightness alone, so they read the same to every eye and in grey. Draws nothing. */

const WEIGHT = {
  light: ["#fdfdf9", "#e6efb4", "#a9d8a0", "#5bb79d", "#2f8f9d", "#2d6592", "#343b7b", "#210f4b"],
  dark: ["#14161c", "#232a55", "#274a78", "#25728a", "#2c9b86", "#6cc067", "#bfdc4e", "#fdf39a"],
};
// Purple below zero, green above: told apart in every common colour vision deficiency.
const SIGNED = {
  light: ["#40004b", "#7b3f92", "#b195c6", "#e3d6e8", "#fbfbf7", "#d5ecd0", "#93cb91", "#358d4e", "#00441b"],
  dark: ["#e9c8f5", "#b489c9", "#7a5391", "#432d55", "#14161c", "#1f4029", "#3f7f4c", "#7dc083", "#d0f5cf"],
};

const parse = (hex) => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));

function ramp(stops) {
  const colours = stops.map(parse);
  return Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (colours.length - 1);
    const low = Math.min(colours.length - 2, Math.floor(place));
    return colours[low].map((a, channel) => Math.round(a + (colours[low + 1][channel] - a) * (place - low)));
  });
}

const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

/** The scales of one theme: each gives [r, g, b]. */
export class Palette {
  constructor(theme) {
    this.theme = theme;
    this.weights = ramp(WEIGHT[theme]);
    this.signs = ramp(SIGNED[theme]);
  }

  /** 0 to 1. Square root: a weight of 0.1 among twenty keys is already much, and must be seen. */
  weight(x) {
    return this.weights[Math.max(0, Math.min(255, Math.round(Math.sqrt(Math.max(0, x)) * 255)))];
  }

  /** -reach to reach. */
  signed(x, reach) {
    return this.signs[Math.max(0, Math.min(255, Math.round(127.5 + (x / reach) * 127.5)))];
  }

  weightCss(x) {
    return css(this.weight(x));
  }

  signedCss(x, reach) {
    return css(this.signed(x, reach));
  }

  /** Black or white, whichever is legible on the colour. */
  static ink([r, g, b]) {
    return r * 0.3 + g * 0.59 + b * 0.11 > 140 ? "#111" : "#fff";
  }
}
