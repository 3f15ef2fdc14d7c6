/* That no reference was given, said where training is shown: what the model wrote stands in for one. Knows no view. */

import { h } from "../drawing/dom.js";

/** A note, or nothing where there is a reference or no training. */
export function standIn({ model, say, options }) {
  if (!model.standsIn) return null;
  const how = options.fetchBroken ? null : [" ", h("code", {}, "dragoman explain \"…\" --reference \"…\"")];
  return h("p.warn.stands-in", {}, say("words.stands-in"), how);
}
