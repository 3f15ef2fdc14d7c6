"""Who may import whom, read from the sources. Runs none of them.

The layers, upper ones first; a module knows what stands below it, and of its own layer only what is listed:

    cli -> server, scale, explain, evaluate, doctor, training -> translate -> engines, interop, documents
        -> decoding, model, text, corpus -> transformer, lineage
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "dragoman"

# What every module may know: none of these knows a module above it.
GROUND = {"errors", "bounds", "typed", "ids", "protocols", "files", "native", "processor", "memory"}

MODELS = {"transformer", "lineage"}
BELOW_TRANSLATE = {"engines", "interop", "documents", "decoding", "model", "text", "corpus"} | MODELS
MECHANICS = {
    f"training.{name}"
    for name in (
        "checkpoint",
        "cpu.kernels",
        "cpu.packed",
        "cpu.products",
        "gpu.graphs",
        "gpu.static",
        "gradients",
        "journal",
        "leftovers",
        "loop",
        "loss",
        "measuring",
        "optimizers",
        "optimizer",
        "parameters",
        "places",
        "random_state",
        "state",
    )
}

TERMINAL = {"explain.terminal", "explain.trace", "explain.sentences"}

# A package stands for all modules in it that have no line of their own.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "bounds": {"errors"},
    "typed": {"bounds"},
    "config": {"errors", "bounds", "typed"},
    "ids": set(),
    "protocols": set(),
    "files": set(),
    "native": {"files"},
    "processor": {"memory"},
    "memory": set(),
    # These do not know each other.
    "transformer": {"transformer"},
    # GPT and BERT are the layers of the Transformer with other heads.
    "lineage": {"lineage", "transformer"},
    # A model of ids with text before and after it.
    "lineage.ngramlm": {"lineage", "text"},
    "lineage.scoring": {"lineage", "text", "corpus", "decoding"},
    "lineage.masked": {"lineage", "text", "corpus"},
    "lineage.reading": {"lineage", "text", "decoding"},
    "lineage.blank": {"lineage", "text"},
    # Files that others read.
    "lineage.arpa": {"lineage", "corpus"},
    "lineage.wordvectors": {"corpus"},
    "text": {"text"},
    "corpus": {"corpus", "text"},
    "decoding": {"decoding"},
    "model": {"model", "text", "config"} | MODELS,
    "model.seal": set(),
    "model.fields": {"config"},
    "model.modules": {"model.fields"},
    "model.kinds": {"model.fields", "model.modules"} | MODELS,
    "model.soundness": set(),
    "model.recognise": {"model.fields", "model.seal"},
    "model.contents": {"model.fields", "model.recognise", "model.seal", "model.soundness", "text", "config"},
    # What a directory says of cleaning and decoding is checked against the classes that it fills.
    "model.directory": {"model", "text", "config", "corpus.cleaning", "decoding.options", "lineage.kinds"},
    "engines": {"engines", "interop", "decoding", "text", "corpus", "model"} | MODELS,
    "interop": {"interop", "decoding", "text", "model"} | MODELS,
    # One reader of tar files is enough: the careful one.
    "interop.packed": {"corpus.archives", "corpus.fetch"},
    # Segments in, segments out: whoever opens a document hands in what translates.
    "documents": {"documents", "text"},
    "translate": {"translate"} | BELOW_TRANSLATE,
    "translate.chunks": set(),
    "translate.prefetch": set(),
    "translate.flags": set(),
    "translate.scoring": {"corpus"},
    "evaluate": {"translate"} | BELOW_TRANSLATE,
    # A property that a trace proves is proved by a trace.
    "doctor": {"doctor", "explain", "translate"} | BELOW_TRANSLATE,
    "explain": {"explain", "translate"} | BELOW_TRANSLATE,
    # What a trace holds knows neither who recorded it nor who draws it, and who draws computes nothing.
    "explain.trace": {"explain.trace", "text", "transformer"},
    # But for the one method by which a notebook asks a trace for its picture.
    "explain.trace.trace": {"explain.trace", "explain.plot"},
    "explain.plot": {"explain.trace.layers", "explain.trace.values", "text"},
    "explain.watch": {"explain.watch", "explain.trace", "translate"} | BELOW_TRANSLATE,
    "explain.sentences": set(),
    "explain.terminal": TERMINAL,
    "explain.terminal.without": TERMINAL | {"explain.watch.unmasked"},
    "explain.terminal.timelapse": TERMINAL | {"explain.watch.probing"},
    "explain.page": {"explain.sentences", "explain.trace"},
    # Another page of the same sheets and modules.
    "explain.page.image": {"explain.page.writing", "explain.sentences"},
    "server": {
        "server",
        "explain",
        "translate",
        "config",
        "model",
        "text",
        "decoding",
        "engines",
        "documents",
    },
    # A worker does what a translator or a corpus does; who hands out shards knows no kind of work but as a job.
    "scale": {"scale", "translate"} | BELOW_TRANSLATE,
    "scale.files": {"corpus", "documents"},
    "scale.shards": set(),
    # What every request passes knows no route and no model.
    "server.gate": {"server.gate", "server.settings"},
    # The loop and what it is made of see protocols: one loop trains every model.
    "training": set(),
    **dict.fromkeys(MECHANICS, MECHANICS),
    # An update rule knows what a rule is, and nothing of how it is called.
    "training.optimizers": {"training.optimizers"},
    "training.cpu.dropout": {"transformer"},
    "training.cpu.fused": {"training.cpu", "transformer"},
    "training.gpu.grid": {"corpus", "text"},
    # What ranks say to each other stands on nothing; one gradient by all, on the mechanics; who follows, on a task.
    "training.ranks.group": {"training.ranks.store"},
    "training.ranks.store": set(),
    "training.ranks.optimizers": {"training.optimizer", "training.parameters", "training.ranks.group"},
    "training.ranks.agreement": {"training.parameters", "training.task", "config"},
    "training.ranks.together": {"training.gradients", "training.optimizer", "training.ranks.optimizers"},
    "training.ranks.follow": MECHANICS
    | {"training.preparation", "training.task", "training.ranks", "training.settings"},
    "training.settings": {"training.optimizer", "model.kinds", "text", "corpus", "decoding", "config"}
    | MODELS,
    "training.lock": {"training.leftovers"},
    "training.presets": set(),
    "training.session": set(),
    "training.signals": set(),
    "training.task": {
        "transformer.parts",
        "training.gradients",
        "training.optimizer",
        "training.settings",
        "training.gpu.static",
    },
    "training.preparation": MECHANICS
    | {"training.cpu", "training.settings", "training.task", "training.ranks", "transformer.parts"},
    "training.resume": {
        "training.checkpoint",
        "training.optimizer",
        "training.parameters",
        "training.settings",
        "training.task",
        "training.state",
        "training.ranks.group",
        "config",
    },
    "training.recovery": MECHANICS
    | {"training.preparation", "training.settings", "training.task", "training.ranks.group"},
    "training.outlook": {"training.journal", "training.recovery", "training.state"},
    "training.run": MECHANICS
    | {
        "training.outlook",
        "training.preparation",
        "training.recovery",
        "training.resume",
        "training.task",
        "training.lock",
        "training.ranks",
        "training.session",
        "training.signals",
    },
    # Text, a model and a look at the dev set for each thing that can be trained.
    "training.tasks": {"training", "model", "text", "corpus"} | MODELS,
    "training.tasks.average": {"training", "model", "text", "config"},
    "training.tasks.origin": {"training.settings", "text", "corpus", "config"},
    "training.tasks.gather": {
        "training.settings",
        "training.tasks.origin",
        "training.tasks.texts",
        "text",
        "corpus",
    },
    "training.tasks.validate": {"training", "evaluate", "model", "translate", "text", "corpus"},
    "training.tasks.translators": {"training", "explain", "model", "text", "corpus", "config"} | MODELS,
    "training.tasks.stages": {"training", "model", "config"},
    # A recipe is words; the stages are runs.
    "training.recipe": {"config"},
    "cli": {
        "cli",
        "config",
        "training.recipe",
        "training.session",
        "training.tasks",
        "training.settings",
        "training.presets",
        "evaluate",
        "doctor",
        "explain",
        "scale",
        "server",
        "interop",
        "model",
        "text",
        "corpus",
        "lineage",
        "decoding",
        "translate",
    },
    "__main__": {"cli"},
    "__init__": {"errors", "translate"},
}
NAMELESS = {"util", "utils", "helper", "helpers", "common", "misc", "tools", "shared"}


def module_name(path: Path) -> str:
    """`corpus/pairs.py` is corpus.pairs, `text/__init__.py` is text."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imported(tree: ast.AST) -> set[str]:
    """Our modules that a file imports, at its top or anywhere in it, for types or for running."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from dragoman.training import checkpoint` names a module, and nothing of the package's own.
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in whole if is_module(name.removeprefix("dragoman."))}
            names |= modules if modules == whole else {node.module, *modules}
    ours = {name.removeprefix("dragoman.") for name in names if name.startswith("dragoman.")}
    return {name for name in ours if is_module(name)}


def is_module(name: str) -> bool:
    path = SOURCE.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def line_of(module: str) -> str:
    """The entry that a module falls under."""
    while module not in MAY_IMPORT and "." in module:
        module = module.rpartition(".")[0]
    return module


def is_allowed(module: str, other: str) -> bool:
    allowed = MAY_IMPORT[line_of(module)] | (GROUND if module not in ("errors", "config", *GROUND) else set())
    # A module's own package comes with it: `text.corpus` loads `text`.
    package = module.rpartition(".")[0]
    return other == package or any(other == name or other.startswith(f"{name}.") for name in allowed)


FILES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_stands_below_it(module: str) -> None:
    assert line_of(module) in MAY_IMPORT, (
        f"{module} has no place among the layers: give it one in {Path(__file__).name}"
    )
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    wrong = {other for other in imported(tree) if not is_allowed(module, other)}
    assert not wrong, f"{module} may not import {', '.join(sorted(wrong))}"


def test_imports_are_seen_wherever_they_stand() -> None:
    source = """
from dragoman.corpus.pairs import Pair
from dragoman.training import checkpoint
import dragoman.model.seal
if TYPE_CHECKING:
    from dragoman.translate.translator import Translator
def late():
    from dragoman.transformer.model import Transformer
"""
    assert imported(ast.parse(source)) == {
        "corpus.pairs", "training.checkpoint", "model.seal", "translate.translator", "transformer.model"
    }  # fmt: skip


@pytest.mark.parametrize(
    "module, other",
    [
        ("transformer.model", "text.tokenizer"),
        ("corpus.pairs", "training.loop"),
        ("text.normalize", "corpus.pairs"),
        ("documents.files", "translate.translator"),
        ("documents.files", "engines.torch"),
        ("explain.trace.trace", "explain.watch.beam"),
        ("explain.trace.values", "explain.plot"),
        ("explain.plot", "explain.trace.trace"),
        ("explain.sentences", "explain.trace.trace"),
        ("explain.terminal.beam", "explain.watch.beam"),
        ("server.gate.gate", "server.apis.own"),
        ("decoding.search", "transformer.model"),
        ("training.loop", "transformer.model"),
        ("training.loop", "corpus.batches"),
        ("training.loop", "training.run"),
        ("translate.translator", "training.run"),
        ("engines.torch", "training.loop"),
        ("evaluate", "cli.translate"),
        ("explain", "doctor.examination"),
        ("doctor.corpora", "training.tasks.prepare"),
        ("config", "corpus.pairs"),
        ("errors", "config"),
    ],
)
def test_what_the_design_forbids_is_found(module: str, other: str) -> None:
    assert not is_allowed(module, other)


def test_translating_never_reaches_training() -> None:
    """Not through others either."""
    reached, todo = set(), ["translate.translator"]
    while todo:
        module = todo.pop()
        if module in reached or module not in FILES:
            continue
        reached.add(module)
        todo += imported(ast.parse(FILES[module].read_text(encoding="utf-8")))
    assert "model.directory" in reached
    assert not {module for module in reached if module.startswith(("training", "cli", "evaluate"))}


def test_every_module_has_a_name_that_says_something() -> None:
    assert not {module for module in FILES if NAMELESS & set(module.split("."))}


def test_no_module_reads_pickles() -> None:
    """A model file may come from anywhere, and unpickling runs whatever is in it."""
    banned = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for module, path in FILES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Somebody else's weights, from a file of which nothing but weights is read.
        weights_alone = {
            id(call.func)
            for call in ast.walk(tree)
            if module == "interop.foreign" and isinstance(call, ast.Call)
            for word in call.keywords
            if word.arg == "weights_only" and getattr(word.value, "value", None) is True
        }
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert not banned & {name.partition(".")[0] for name in names}, module
            loads = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if loads and (node.value.id, node.attr) == ("torch", "load"):  # type: ignore[attr-defined]
                assert id(node) in weights_alone, module
