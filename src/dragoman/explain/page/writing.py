"""A trace as one HTML file: the modules, the styles and the record in one string, nothing fetched. Computes nothing.

The same modules are served as files by the server; here they are folded into one script, because a page opened from a
disk may not import its neighbours. A content security policy of hashes lets that script run and nothing else.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError
from dragoman.explain import sentences
from dragoman.explain.trace.layers import Pass
from dragoman.explain.trace.trace import Trace
from dragoman.files import publish

Record = Mapping[str, Any]

PACKAGE = Path(__file__).parents[2]
ASSETS = Path(__file__).parent / "assets"
ENTRY = "look.js"
STYLE = "look.css"
SENTENCES = "sentences.js"  # no file: made of the tables of sentences

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.\.?/[\w./-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
_STYLE_IMPORT = re.compile(r'^@import "([\w./-]+\.css)";\n', re.MULTILINE)

# Where a part is computed that the record does not name itself: the file and the function or class in it.
_PLACES = {
    "normalise": ("text/normalize.py", "normalize"),
    "embedding": ("transformer/embedding.py", "InputEmbedding.forward"),
    "positions": ("transformer/positions.py", "sinusoids"),
    "causal": ("transformer/attention.py", "causal_mask"),
    "padding": ("transformer/attention.py", "padding_mask"),
    "split": ("transformer/attention.py", "split_heads"),
    "merge": ("transformer/attention.py", "merge_heads"),
    "cache": ("transformer/attention.py", "KVCache"),
    "projection": ("transformer/attention.py", "MultiHeadAttention.forward"),
    "logits": ("transformer/model.py", "Transformer.forward"),
    "training": ("transformer/model.py", "Transformer.loss"),
    "step": ("transformer/model.py", "Transformer.step"),
    "loss": ("transformer/model.py", "cross_entropy"),
    "smoothing": ("training/loss.py", "label_smoothed"),
    "beam": ("decoding/search.py", "search"),
    "score": ("decoding/options.py", "DecodingOptions.normalise"),
}

_OF_SOURCE = ("encoder", "memory")  # of a pass

# A comparison is read for its words, its numbers and one picture: whole, it would weigh as much as the trace itself.
_KEPT_TRACE = ("format", "version", "removed", "proofs")
_KEPT_RUN = {
    "inference": ("text", "tokens", "encoder_passes", "decoder_passes", "rows_computed", "seconds", "stop"),
    "training": ("input", "labels", "encoder_passes", "decoder_passes", "loss"),
}
_KEPT_STEP = ("t", "input", "chosen", "label", "prediction", "p_label", "rank", "loss")
_KEPT_ATTENTION = ("name", "kind", "mask", "scale", "q_from", "k_from", "v_from", "weights", "allowed")


def write_page(
    trace: Any, path: str | Path, comparisons: Sequence[Any] = (), language: str | None = None
) -> None:
    """Write the page of `trace` (a Trace, or its JSON) to `path`, whole or not at all. Raises DragomanError."""
    try:
        publish(Path(path), render(trace, comparisons, language).encode())
    except OSError as error:
        raise DragomanError(
            f"cannot write the page {path}: {error.strerror}: choose another -o path"
        ) from error


def render(trace: Any, comparisons: Sequence[Any] = (), language: str | None = None) -> str:
    """The page as one string of HTML.

    `trace` is a Trace, its record or its JSON; `comparisons` are the same sentence traced with a part removed.
    `language` is the code of a table of sentences; without one the page follows the reader's browser.
    """
    record = _record(trace)
    options: dict[str, Any] = {
        "comparisons": [_slim(_record(_bare(one))) for one in comparisons],
        "code": places(),
    }
    if language is not None:
        options["lang"] = language
    title = f"{_short(record['source']['text'])} → {_short(record['inference']['text'])} · Dragoman"
    return written(ENTRY, STYLE, f"{_READ}{_START}", title, {**_shared(record), "options": options})


def written(entry: str, style: str, start: str, title: str, data: Record) -> str:
    """A page of one file: the module `entry` with all it imports, a style sheet, `data`, and the script that starts it.

    A content security policy of hashes lets that script run and nothing else.
    """
    script, sheet = f"{bundle(entry)}\n{start}", styles(style)
    policy = (
        f"default-src 'none'; script-src '{_fingerprint(script)}'; style-src '{_fingerprint(sheet)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        title=escape(title),
        policy=policy,
        style=sheet,
        data=_embedded(data),
        unscripted=escape(" ".join(sentences.say("page.unscripted", one) for one in sentences.languages())),
        script=script,
    )


_READ = """\
const { trace, shared, options } = JSON.parse(document.getElementById("data").textContent);
for (const path of shared) {
  const name = path.pop();
  const [from, to] = [trace.inference, trace.training].map((run) => path.reduce((at, step) => at[step], run.pass));
  to[name] = from[name];
}
"""
_START = """\
look_js.mount(document.getElementById("look"), trace, options);
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<div id="look"></div>
<noscript>{unscripted}</noscript>
<script type="application/json" id="data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def bundle(entry: str) -> str:
    """The module `entry` and all it imports as one script: each becomes a constant (qkv/view.js -> qkv_view_js)."""
    done: dict[str, str] = {}
    _fold(entry, done, ())
    return "\n".join(done.values())


def _fold(name: str, done: dict[str, str], above: tuple[str, ...]) -> None:
    if name in done:
        return
    if name in above:
        raise DragomanError(f"the asset {name} imports itself through {' -> '.join(above)}: break the circle")
    source = sentences.as_script() if name == SENTENCES else (ASSETS / name).read_text(encoding="utf-8")
    for _, other in _IMPORT.findall(source):
        _fold(beside(name, other), done, (*above, name))
    exports = ", ".join(_EXPORT.findall(source))
    body = _IMPORT.sub(lambda found: f"const {{{found[1]}}} = {_constant(beside(name, found[2]))};\n", source)
    done[name] = (
        f"const {_constant(name)} = (() => {{\n{_EXPORT.sub('', body)}\nreturn {{ {exports} }};\n}})();"
    )


def beside(name: str, path: str) -> str:
    """The asset that the asset `name` calls `path`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _constant(name: str) -> str:
    return re.sub(r"\W", "_", name)


def styles(name: str) -> str:
    """A style sheet with those that it imports put in their places."""
    source = (ASSETS / name).read_text(encoding="utf-8")
    return _STYLE_IMPORT.sub(lambda found: styles(beside(name, found[1])), source)


def places() -> dict[str, str]:
    """File and line of each part that a record does not place itself, read from the sources."""
    return {part: f"{file}:{_line(file, name)}" for part, (file, name) in _PLACES.items()}


def _line(file: str, name: str) -> int:
    scope: Any = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    for part in name.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        scope = next(node for node in scope.body if isinstance(node, kinds) and node.name == part)
    return int(scope.lineno)


def _record(trace: Any) -> Record:
    """Of a Trace, of its JSON, or of the record itself."""
    if isinstance(trace, Mapping):
        return trace
    made: Record = json.loads(trace) if isinstance(trace, str) else trace.to_dict()
    return made


def _shared(record: Record) -> Record:
    """The record, and what its training pass has in common with inference, which then stands there once.

    Both modes read the same source, so that is all that the encoder computed: a third of the file.
    """
    training = record["training"]
    if not training:
        return {"trace": record, "shared": []}
    once, again = record["inference"]["pass"], training["pass"]
    rest, shared = dict(again), [[name] for name in _OF_SOURCE if once[name] == again[name]]
    for (name,) in shared:
        del rest[name]
    if again["embedding"] and once["embedding"]["source"] == again["embedding"]["source"]:
        shared.append(["embedding", "source"])
        rest["embedding"] = {"target": again["embedding"]["target"]}
    return {"trace": {**record, "training": {**training, "pass": rest}}, "shared": shared}


def _bare(trace: Any) -> Any:
    """A Trace without most of what _slim would throw away: writing that took an eighth of the time of a page."""
    if not isinstance(trace, Trace):
        return trace
    once, again = trace.inference, trace.training
    return replace(
        trace,
        inference=replace(once, passed=_last_layer(once.passed), beam=replace(once.beam, nodes=())),
        training=again and replace(again, passed=_last_layer(again.passed)),
    )


def _last_layer(passed: Pass) -> Pass:
    return Pass(None, (), passed.decoder[-1:], None, None)


def _slim(record: Record) -> Record:
    """A comparison without what its view does not read: of its tensors, where the last decoder layer looked."""
    kept = {name: record[name] for name in _KEPT_TRACE}
    for mode, names in _KEPT_RUN.items():
        run = record[mode]
        kept[mode] = run and {
            **_some(run, names),
            "steps": [_some(step, _KEPT_STEP) for step in run["steps"]],
            "pass": {"decoder": [_looked(layer) for layer in run["pass"]["decoder"][-1:]]},
        }
    return kept


def _looked(layer: Record) -> Record:
    """A recurrent decoder has no attention to itself."""
    return {kind: layer[kind] and _some(layer[kind], _KEPT_ATTENTION) for kind in ("self", "cross")}


def _some(record: Record, names: Iterable[str]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}


def _embedded(data: Record) -> str:
    """JSON that cannot end its script element, open a comment in it, or break a line of it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # "<" and ">" stand in JSON only inside strings, where the escape means the same letter.
    for letter in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    # Half of a surrogate pair cannot be written as UTF-8; its escape can.
    return re.sub(r"[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _fingerprint(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _short(text: str, most: int = 40) -> str:
    # Half of a surrogate pair cannot be written as UTF-8, and a title has no escape for it.
    line = re.sub(r"[\ud800-\udfff]", "\ufffd", " ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"
