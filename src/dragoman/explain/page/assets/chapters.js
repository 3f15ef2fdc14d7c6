/* The views in reading order: names, who makes them, and the mode that a view is about where it is about one. */

import { lesson } from "./lesson/view.js";
import { start } from "./start/view.js";
import { text } from "./text/view.js";
import { clocks } from "./clocks/view.js";
import { loss } from "./loss/view.js";
import { qkv } from "./qkv/view.js";
import { attention } from "./attention/view.js";
import { heads } from "./heads/view.js";
import { masks } from "./masks/view.js";
import { positions } from "./positions/view.js";
import { breakIt } from "./break/view.js";
import { quiz } from "./quiz/view.js";
import { layers } from "./layers/view.js";
import { boxes } from "./boxes/view.js";
import { beside } from "./beside/view.js";
import { influence } from "./influence/view.js";
import { beam } from "./beam/view.js";
import { teach } from "./teach/view.js";
import { sayWord } from "./say/view.js";
import { proofs } from "./proofs/view.js";

export const CHAPTERS = [
  { id: "lesson", make: lesson },
  { id: "start", make: start },
  { id: "text", make: text },
  { id: "clocks", make: clocks },
  { id: "loss", make: loss, mode: "training" },
  { id: "teach", make: teach },
  { id: "say", make: sayWord },
  { id: "qkv", make: qkv },
  { id: "attention", make: attention },
  { id: "heads", make: heads },
  { id: "masks", make: masks },
  { id: "positions", make: positions },
  { id: "layers", make: layers },
  { id: "boxes", make: boxes },
  { id: "beside", make: beside },
  { id: "influence", make: influence },
  { id: "beam", make: beam },
  { id: "break", make: breakIt },
  { id: "proofs", make: proofs },
  { id: "quiz", make: quiz },
];
