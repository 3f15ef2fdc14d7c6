/* The views in reading order: names, and who makes them. */

import { start } from "./view-start.js";
import { text } from "./view-text.js";
import { clocks } from "./view-clocks.js";
import { loss } from "./view-loss.js";
import { qkv } from "./view-qkv.js";
import { attention } from "./view-attention.js";
import { heads } from "./view-heads.js";
import { masks } from "./view-masks.js";
import { positions } from "./view-positions.js";
import { breakIt } from "./view-break.js";
import { quiz } from "./view-quiz.js";
import { layers } from "./view-layers.js";
import { influence } from "./view-influence.js";
import { beam } from "./view-beam.js";
import { proofs } from "./view-proofs.js";

export const CHAPTERS = [
  { id: "start", make: start },
  { id: "text", make: text },
  { id: "clocks", make: clocks },
  { id: "loss", make: loss },
  { id: "qkv", make: qkv },
  { id: "attention", make: attention },
  { id: "heads", make: heads },
  { id: "masks", make: masks },
  { id: "positions", make: positions },
  { id: "layers", make: layers },
  { id: "influence", make: influence },
  { id: "beam", make: beam },
  { id: "break", make: breakIt },
  { id: "proofs", make: proofs },
  { id: "quiz", make: quiz },
];
