"""Who may import whom, read from the sources. Runs none of them.

The layers, upper ones first; a module knows what stands below it, and of its own layer only what is listed:

    cli -> evaluate, training -> translator -> engines, interop -> decoding, modeldir, text -> transformer, lineage
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "dragoman"

# What every module may know: none of these knows a module above it.
GROUND = {"ahead", "errors", "protocols", "files", "native", "processor"}

MODELS = {"transformer", "lineage"}
DIRECTORY = {"modeldir", "seal", "kinds"}
TRANSLATOR = {"translator", "reading", "translation", "flags", "scoring"}
BELOW_TRANSLATOR = {"engines", "interop", "decoding", "text"} | DIRECTORY | MODELS
MECHANICS = {
    f"training.{name}"
    for name in (
        "chance",
        "checkpoint",
        "gradients",
        "graphs",
        "journal",
        "kernels",
        "loop",
        "loss",
        "muon",
        "optimizer",
        "packed",
        "products",
        "static",
    )
}

# A package stands for all modules in it that have no line of their own.
MAY_IMPORT: dict[str, set[str]] = {
    "ahead": set(),
    "errors": set(),
    "config": {"errors"},
    "protocols": set(),
    "files": set(),
    "native": {"files"},
    "processor": set(),
    # These do not know each other.
    "transformer": {"transformer"},
    # GPT and BERT are the layers of the Transformer with other heads.
    "lineage": {"lineage", "transformer"},
    # Their files, as modeldir is the Transformer's.
    "lineage.arpa": {"lineage", "text"},
    "lineage.wordvectors": {"text"},
    "lineage.ngramdir": {"lineage", "seal", "text", "config"},
    "lineage.lmdir": {"lineage", "transformer", "text", "decoding", "config"} | DIRECTORY,
    "lineage.masked": {"lineage", "text"},
    "lineage.bertdir": {"lineage", "text"},
    "text": {"text"},
    "decoding": {"decoding"},
    "modeldir": DIRECTORY | MODELS | {"text", "config"},
    "seal": set(),
    "kinds": MODELS,
    "engines": {"engines", "interop", "decoding", "text"} | DIRECTORY | MODELS,
    "interop": {"interop", "decoding", "text"} | DIRECTORY | MODELS,
    "translator": TRANSLATOR | BELOW_TRANSLATOR,
    "reading": TRANSLATOR | BELOW_TRANSLATOR,
    "translation": TRANSLATOR | BELOW_TRANSLATOR,
    "flags": set(),
    "scoring": {"text"},
    "evaluate": TRANSLATOR | BELOW_TRANSLATOR,
    "explain": {"explain"} | TRANSLATOR | BELOW_TRANSLATOR,
    "server": {"server", "explain", "config", "modeldir", "seal", "text", "decoding", "engines"} | TRANSLATOR,
    # The loop and what it is made of see protocols: one loop trains every model.
    "training": set(),
    **dict.fromkeys(MECHANICS, MECHANICS),
    "training.prepare": {"text"},
    "training.settings": {"training.optimizer", "training.prepare", "text", "decoding", "config"} | MODELS,
    "training.validate": {"training", "evaluate", "modeldir", "translator"},
    "training.guards": set(),
    "training.task": {"training.gradients", "training.optimizer", "training.settings", "training.static"},
    "training.dropout": {"transformer"},
    "training.fused": {
        "training.dropout",
        "training.kernels",
        "training.packed",
        "training.products",
        "transformer",
    },
    "training.run": MECHANICS
    | {
        "training.dropout",
        "training.fused",
        "training.settings",
        "training.task",
        "training.guards",
        "config",
    },
    "training.translators": {"training", "explain", "modeldir", "text", "config"} | MODELS,
    "training.texts": {"text"},
    "training.masking": {"training.texts", "text"},
    "training.languagemodels": {"training", "text"} | MODELS,
    "training.classifier": {"training", "text"} | MODELS,
    "cli": {
        "cli",
        "config",
        "training.translators",
        "training.languagemodels",
        "training.classifier",
        "training.settings",
        "evaluate",
        "explain",
        "server",
        "modeldir",
        "text",
        "lineage",
        "decoding",
    }
    | TRANSLATOR,
    "__main__": {"cli"},
    "__init__": {"errors", "translator", "translation"},
}
NAMELESS = {"util", "utils", "helper", "helpers", "common", "misc", "tools", "shared"}


def module_name(path: Path) -> str:
    """`text/corpus.py` is text.corpus, `text/__init__.py` is text."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imported(tree: ast.AST) -> set[str]:
    """Our modules that a file imports, at its top or anywhere in it, for types or for running."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from dragoman.training import checkpoint` may name a module.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
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
from dragoman.text.corpus import Pair
from dragoman.training import checkpoint
import dragoman.modeldir
if TYPE_CHECKING:
    from dragoman.translator import Translator
def late():
    from dragoman.transformer.model import Transformer
"""
    assert imported(ast.parse(source)) == {
        "text.corpus", "training", "training.checkpoint", "modeldir", "translator", "transformer.model"
    }  # fmt: skip


@pytest.mark.parametrize(
    "module, other",
    [
        ("transformer.model", "text.tokenizer"),
        ("text.corpus", "training.loop"),
        ("decoding.search", "transformer.model"),
        ("training.loop", "transformer.model"),
        ("training.loop", "text.batches"),
        ("training.loop", "training.run"),
        ("translator", "training.run"),
        ("engines.torch", "training.loop"),
        ("evaluate", "cli.translate"),
        ("config", "text.corpus"),
        ("errors", "config"),
    ],
)
def test_what_the_design_forbids_is_found(module: str, other: str) -> None:
    assert not is_allowed(module, other)


def test_translating_never_reaches_training() -> None:
    """Not through others either."""
    reached, todo = set(), ["translator"]
    while todo:
        module = todo.pop()
        if module in reached or module not in FILES:
            continue
        reached.add(module)
        todo += imported(ast.parse(FILES[module].read_text(encoding="utf-8")))
    assert "modeldir" in reached
    assert not {module for module in reached if module.startswith(("training", "cli", "evaluate"))}


def test_every_module_has_a_name_that_says_something() -> None:
    assert not {module for module in FILES if NAMELESS & set(module.split("."))}


def test_no_module_reads_pickles() -> None:
    """A model file may come from anywhere, and unpickling runs whatever is in it."""
    banned = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert not banned & {name.partition(".")[0] for name in names}, module
            loads = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            assert not (loads and (node.value.id, node.attr) == ("torch", "load")), module  # type: ignore[attr-defined]
