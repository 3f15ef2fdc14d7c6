"""The tokenizers of prepared data: learnt from it, or taken from a model and extended for it. Encodes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dragoman.text.extension import extended
from dragoman.text.mapped import tokenizer_of
from dragoman.text.tokenizer import Tokenizer
from dragoman.training.tasks.gather import TRAIN, stored
from dragoman.training.tasks.origin import Recipe


@dataclass(frozen=True)
class _Lines:
    """What a tokenizer is learnt from; may be read more than once."""

    directory: Path
    recipe: Recipe
    sides: tuple[str, ...]  # source, target

    def __len__(self) -> int:
        with open(self.directory / TRAIN, "rb") as file:
            return len(self.sides) * sum(part.count(b"\n") for part in iter(lambda: file.read(2**20), b""))

    def __iter__(self) -> Iterator[str]:
        for pair in stored(self.directory / TRAIN, self.recipe.data):
            for side in self.sides:
                yield getattr(pair, side)


def extended_for(
    directory: Path, recipe: Recipe, tokenizers: Mapping[str, Tokenizer], say: Callable[[str], None]
) -> dict[str, Tokenizer]:
    """Those of a model that exists, with the pieces that they lack for this corpus."""
    found = {}
    for name, tokenizer in tokenizers.items():
        sides = ("source", "target") if name == "joint" else (name,)
        symbols = recipe.data.symbols if "source" in sides else ()
        lines = _Lines(directory, recipe, sides)
        found[name], added = extended(tokenizer, lines, recipe.tokenizer, symbols, recipe.data.extend_vocab)
        which = "" if name == "joint" else f" of the {name}"
        say(
            f"added to the vocabulary{which}: {added}; it has {found[name].vocab_size:,} pieces now, the first "
            f"{tokenizer.vocab_size:,} as they were"
        )
    return found


def learnt(directory: Path, recipe: Recipe) -> dict[str, Tokenizer]:
    """One for both sides or one for each, as the recipe says, from the pairs that were gathered in `directory`."""
    sides = {"joint": ("source", "target")}
    if not recipe.tokenizer.joint:
        sides = {"source": ("source",), "target": ("target",)}  # type: ignore[dict-item]
    return {
        name: Tokenizer.train(
            _Lines(directory, recipe, some),
            recipe.tokenizer,
            recipe.data.symbols if "source" in some else (),
        )
        for name, some in sides.items()
    }


def file_name(name: str) -> str:
    """Of the tokenizer of this name, in the directory of prepared data and in that of a model."""
    return "tokenizer.model" if name == "joint" else f"tokenizer.{name}.model"


def load_tokenizers(directory: Path, joint: bool) -> dict[str, Tokenizer]:
    """Those of prepared data. Raises OSError where they are not there."""
    names: Iterable[str] = ("joint",) if joint else ("source", "target")
    return {name: tokenizer_of((directory / file_name(name)).read_bytes(), file_name(name)) for name in names}
