/* What the server says when it refuses, in the words of the page. Asks nothing, and shows nothing.
 *
 * The server's sentences are English. Those that people meet are told by their beginning, with what stands in them;
 * any other is shown as it came, with a word before it.
 */

import { languageName, say } from "./i18n.js";

const KNOWN = [
  [/^this looks like .* \((?<code>\w+)\), which is not supported as a source here: there is (?<pairs>.*)$/, "trouble.foreign"],
  [/^which language this is cannot be told: there is (?<pairs>.*)$/, "trouble.untold"],
  [/^this takes about (?<seconds>[\d,]+) seconds here, and (?<most>[\d.]+) are allowed/, "trouble.slow"],
  [/^the file takes longer than the (?<most>[\d.]+) seconds that are allowed/, "trouble.slow.file"],
  [/^a paragraph of the file has (?<characters>[\d,]+) characters, and at most (?<most>[\d,]+) /, "trouble.paragraph"],
  [/^the file is no text in an encoding known here/, "trouble.encoding"],
  [/^the (?:file|request) is larger than (?<most>[\d,]+) bytes/, "trouble.large"],
  [/^no answer within (?<seconds>[\d.]+) seconds/, "trouble.late"],
  [/^an API key is needed/, "trouble.key"],
  [/^this API key /, "trouble.key.wrong"],
  [/^the quota of this API key/, "trouble.quota"],
  [/^slow down: /, "trouble.pace"],
  [/^the server is being stopped/, "trouble.stopping"],
  [/^this server has nowhere to keep/, "trouble.nowhere"],
  [/^this failed on the server/, "trouble.failed"],
];

/** A sentence of the server's as a person reads it. */
export function told(sentence) {
  for (const [pattern, key] of KNOWN) {
    const found = pattern.exec(sentence);
    if (found) return say(key, { ...found.groups, language: languageName(found.groups?.code ?? "en") });
  }
  return say("trouble.other", { sentence });
}
