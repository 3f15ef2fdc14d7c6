/* The views in reading order: names, and who makes them. */

import { start } from "./view-start.js";
import { text } from "./view-text.js";
import { attention } from "./view-attention.js";

export const CHAPTERS = [
  { id: "start", make: start },
  { id: "text", make: text },
  { id: "attention", make: attention },
];
