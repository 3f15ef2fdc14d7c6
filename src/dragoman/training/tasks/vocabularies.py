"""The tokenizers of prepared data: learnt from it, or taken from a model and extended for it. Encodes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dragoman.text.extension import Added, extended
from dragoman.text.mapped import MappedTokenizer, tokenizer_of
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
    found: dict[str, Tokenizer] = {}
    told: dict[str, Added] = {}
    most, alike = recipe.data.extend_vocab, _numbered_alike(tokenizers)
    ways = _ways(tokenizers)
    for name, sides in ways.items():
        symbols = recipe.data.symbols if "source" in sides else ()
        lines = _Lines(directory, recipe, sides)
        # Two that are numbered by one table share what is added to it.
        room = most
        if alike and len(ways) == 2:
            room = most - len(told["source"]) if told else most // 2
        found[name], told[name] = extended(tokenizers[name], lines, recipe.tokenizer, symbols, room)
    if alike:
        found = _renumbered(tokenizers, found)
    for name, added in told.items():
        which = "" if len(ways) == 1 else f" of the {name}"
        say(
            f"added to the vocabulary{which}: {added}; it has {found[name].vocab_size:,} pieces now, the first "
            f"{tokenizers[name].vocab_size:,} as they were"
        )
    return found


def _numbered_alike(tokenizers: Mapping[str, Tokenizer]) -> bool:
    """Whether two tokenizers have one table of pieces, as an imported model with tied embeddings has."""
    both = list(tokenizers.values())
    return len(both) == 2 and all(
        isinstance(one, MappedTokenizer) and one.table.pieces == both[0].vocabulary() for one in both
    )


def _ways(tokenizers: Mapping[str, Tokenizer]) -> dict[str, tuple[str, ...]]:
    """Each tokenizer that is extended by itself, and the sides it is extended for."""
    whole = ("source", "target")
    if "joint" in tokenizers:
        return {"joint": whole}
    if _numbered_alike(tokenizers) and len({one.sentencepiece for one in tokenizers.values()}) == 1:
        return {"source": whole}
    return {name: (name,) for name in tokenizers}


def _renumbered(old: Mapping[str, Tokenizer], found: Mapping[str, Tokenizer]) -> dict[str, Tokenizer]:
    """Both sides with one table again: what either was given has the same id in both."""
    known = next(iter(old.values())).vocab_size
    pieces = list(dict.fromkeys(piece for one in found.values() for piece in one.vocabulary()[known:]))
    whole: dict[str, Tokenizer] = {}
    for name, tokenizer in old.items():
        assert isinstance(tokenizer, MappedTokenizer)
        # One SentencePiece model of both sides was extended once.
        model = found.get(name, next(iter(found.values()))).sentencepiece
        whole[name] = tokenizer.longer(pieces, model[len(tokenizer.sentencepiece) :])
    return whole


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
