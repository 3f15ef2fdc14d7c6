"""Which pairs of a corpus are worth training on, and which go to the held-out parts. Reads and writes no file.

Nothing is dropped silently: each removed pair is counted under the first rule that it breaks.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Annotated, Literal

from dragoman.bounds import LARGEST_WHOLE, Within, refuse_out_of_bounds
from dragoman.corpus.pairs import Pair
from dragoman.corpus.suspicions import Suspicions
from dragoman.errors import ConfigError, CorpusError
from dragoman.text.normalize import normalize, script_counts, scripts_of, to_simplified

# The rules in the order in which they are asked, with what the report calls them.
RULES = {
    "empty": "a side is empty, or has no word where the other has some",
    "garbled": "replacement characters (U+FFFD): text lost by an earlier conversion",
    "too_long": "a side is too long",
    "ratio": "one side is far longer than the other",
    "copy": "the target repeats the source",
    "wrong_script": "a side is not in its language's script",
    "duplicate": "the same pair was read before",
}

# How many Latin letters say as much as one letter of these scripts: English is 3.1 to 3.7 times as long as
# Chinese in the characters of Tatoeba, captions and the Bible alike. Without it no single ratio fits both
# German-English and Chinese-English.
_LETTERS_WORTH = {"Han": 3, "Hangul": 2, "Kana": 2}
# Added to both lengths, since "Hi." and "你好，很高兴见到你。" may well be a pair and a hundred times that may not.
_RATIO_SLACK = 10
# Names, units and code are written in Latin letters everywhere, so they count little against another script.
_LATIN_WEIGHT = 0.1


@dataclass(frozen=True)
class CleaningConfig:
    """What is done to each pair before it is learnt from, and which pairs are left out."""

    normalize: Annotated[bool, "NFC, no control characters, white space folded to single spaces"] = True
    simplify: Annotated[
        Literal["", "source", "target", "both"], "sides where traditional Chinese becomes simplified"
    ] = ""
    max_characters: Annotated[int, "longest side kept, in characters; 0 = any", Within(0, LARGEST_WHOLE)] = (
        1000
    )
    max_ratio: Annotated[
        float,
        "how many times longer than the other a side may be, one Han character counting three; 0 = any",
        Within(0),
    ] = 3.0
    drop_garbled: Annotated[bool, "leave out pairs with U+FFFD, the mark of a wrong conversion"] = True
    drop_copies: Annotated[bool, "leave out pairs whose two sides are the same words"] = True
    drop_wrong_script: Annotated[bool, "leave out pairs with a side in letters of another language"] = True
    drop_duplicates: Annotated[bool, "keep only the first of identical pairs"] = True

    def __post_init__(self) -> None:
        if self.simplify not in ("", "source", "target", "both"):
            raise ConfigError(f"cleaning.simplify = {self.simplify!r}: must be empty, source, target or both")
        refuse_out_of_bounds(self, "cleaning")
        if self.max_ratio and not self.max_ratio >= 1:
            raise ConfigError(f"cleaning.max_ratio = {self.max_ratio}: must be 0 (any) or at least 1")


@dataclass
class CleaningReport:
    """How many pairs came in, how many were kept, and how many each rule removed."""

    read: int = 0
    kept: int = 0
    removed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))
    notes: list[str] = field(default_factory=list)  # what seems wrong with the whole

    def __str__(self) -> str:
        rows = [("read", self.read, "")]
        rows += [
            (rule.replace("_", " "), -count, RULES[rule]) for rule, count in self.removed.items() if count
        ]
        rows += [("kept", self.kept, f"{self.kept / self.read:.1%}" if self.read else "")]
        width = max(len(f"{count:,}") for _, count, _ in rows)
        table = (f"{name:<12}  {count:>{width},}  {meaning}".rstrip() for name, count, meaning in rows)
        return "\n".join((*table, *(f"note: {note}" for note in self.notes)))


def clean(
    pairs: Iterable[Pair],
    config: CleaningConfig,
    source: str,
    target: str,
    report: CleaningReport | None = None,
    rejected: Callable[[Pair, str], object] = lambda pair, rule: None,
) -> Iterator[Pair]:
    """The pairs worth keeping, as they come, with their text normalised as `config` says.

    `source` and `target` are language codes: they decide which scripts are right, and an unknown code none.
    `report` is filled while the pairs are taken, and `rejected` gets each that is left out, with the rule.
    Memory: about 100 bytes for each different pair.
    """
    report = report if report is not None else CleaningReport()
    seen: set[bytes] = set()
    suspicions = Suspicions(source, target)
    for pair in pairs:
        report.read += 1
        suspicions.add(pair)
        pair = Pair(
            prepare_text(pair.source, config.normalize, config.simplify in ("source", "both")),
            prepare_text(pair.target, config.normalize, config.simplify in ("target", "both")),
            pair.extra,
        )
        rule = broken_rule(pair, config, source, target)
        if rule is None and config.drop_duplicates:
            key = pair_key(pair)
            if key in seen:
                rule = "duplicate"
            seen.add(key)
        if rule is None:
            report.kept += 1
            yield pair
        else:
            report.removed[rule] += 1
            rejected(pair, rule)
    report.notes += suspicions.notes(report.kept)


def prepare_text(text: str, normalized: bool, simplified: bool) -> str:
    """What is done to text before a tokenizer sees it: the same in training and in translating."""
    if normalized:
        text = normalize(text)
    return to_simplified(text) if simplified else text


def broken_rule(pair: Pair, config: CleaningConfig, source: str, target: str) -> str | None:
    """The first rule that a pair breaks by itself; None for a pair to keep. Knows nothing of duplicates."""
    if not pair.source.strip() or not pair.target.strip() or _has_word(pair.source) != _has_word(pair.target):
        return "empty"
    if config.drop_garbled and ("\ufffd" in pair.source or "\ufffd" in pair.target):
        return "garbled"
    if 0 < config.max_characters < max(len(pair.source), len(pair.target)):
        return "too_long"
    if config.max_ratio and length_ratio(pair) > config.max_ratio:
        return "ratio"
    if config.drop_copies and is_copy(pair):
        return "copy"
    if config.drop_wrong_script and (
        in_wrong_script(pair.source, source) or in_wrong_script(pair.target, target)
    ):
        return "wrong_script"
    return None


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))


def length_ratio(pair: Pair) -> float:
    """The longer side over the shorter, in Latin letters' worth, with some slack for short ones; >= 1."""
    shorter, longer = sorted((_worth(pair.source), _worth(pair.target)))
    return (longer + _RATIO_SLACK) / (shorter + _RATIO_SLACK)


def _worth(text: str) -> int:
    if text.isascii():
        return len(text)
    counts = script_counts(text)
    return len(text) + sum((worth - 1) * counts[script] for script, worth in _LETTERS_WORTH.items())


def is_copy(pair: Pair) -> bool:
    """Whether both sides are the same letters, whatever their case; "42" or "..." is its own translation."""
    return pair.source.casefold() == pair.target.casefold() and any(map(str.isalpha, pair.source))


def in_wrong_script(text: str, language: str) -> bool:
    """Whether most letters of a text are of scripts its language is not written in.

    Latin letters are welcome guests elsewhere: "我在学 Python programming" is Chinese, "I study Python" is not.
    """
    expected = scripts_of(language)
    if not expected or (text.isascii() and "Latin" in expected):
        return False
    counts = script_counts(text)
    right = sum(counts[script] for script in expected)
    wrong = sum(
        count * (_LATIN_WEIGHT if script == "Latin" else 1)
        for script, count in counts.items()
        if script not in expected
    )
    return wrong > right


def pair_key(pair: Pair) -> bytes:
    """Eight bytes that tell duplicates."""
    return _digest(f"{pair.source}\n{pair.target}")


def _digest(text: str) -> bytes:
    """64 bits: of 3,700 corpora of a hundred million pairs, one loses a pair to a collision."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def split(pairs: Iterable[Pair], sizes: Mapping[str, float], seed: int = 1) -> dict[str, list[Pair]]:
    """The pairs in parts, such as {"dev": 1000, "test": 0.1}; what is left over is the part "train".

    A size of 1 or more is a number of pairs, a smaller one a share of all. No sentence stands in two parts, on
    whichever side and whatever its case, punctuation and width: pairs that share one, directly or through others,
    stay together. Pairs keep their order. The parts are a pure function of the pairs, the sizes and the seed.
    Raises CorpusError when a part cannot be filled and leave something to train on.
    """
    everything = list(pairs)
    groups = _connected(everything)
    random.Random(seed).shuffle(groups)
    part_of = ["train"] * len(everything)
    for name, size in sizes.items():
        wanted = missing = _count(name, size, len(everything))
        rest = []
        for group in groups:
            if len(group) <= missing:
                missing -= len(group)
                for index in group:
                    part_of[index] = name
            else:
                rest.append(group)
        groups = rest
        if missing or not groups:
            raise CorpusError(
                f"{name}: {wanted - missing:,} of {wanted:,} pairs can be held out of {len(everything):,}, so that "
                "no sentence stands in two parts and some are left to train on; ask for fewer"
            )
    return {
        name: [p for p, part in zip(everything, part_of, strict=True) if part == name]
        for name in ("train", *sizes)
    }


def _count(name: str, size: float, total: int) -> int:
    if name == "train" or not size > 0 or (size > 1 and size != int(size)):
        raise ConfigError(
            f"part {name!r} of size {size}: a size is a whole number of pairs or a share between 0 and 1, and "
            "'train' is what is left over"
        )
    return int(size) if size >= 1 else max(1, round(size * total))


def _connected(pairs: list[Pair]) -> list[list[int]]:
    """Indices of pairs, grouped by union-find over the sentences that they share."""
    parent = list(range(len(pairs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = index = parent[parent[index]]
        return index

    first: dict[bytes, int] = {}
    for index, pair in enumerate(pairs):
        for text in (pair.source, pair.target):
            parent[root(index)] = root(first.setdefault(_digest(sentence_key(text)), index))
    groups: dict[int, list[int]] = {}
    for index in range(len(pairs)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def sentence_key(text: str) -> str:
    """What two spellings of one sentence have in common: its letters and digits, without case and width."""
    text = unicodedata.normalize("NFKC", normalize(text)).casefold()
    return re.sub(r"[\W_]+", "", text) or text


def leaks(training: Iterable[Pair], held_out: Iterable[Pair]) -> int:
    """How many of the held-out pairs stand in the training corpus too, on both sides, but for case and stops."""
    wanted = [(sentence_key(pair.source), sentence_key(pair.target)) for pair in held_out]
    missing = set(wanted)
    for pair in training:
        if missing:
            missing.discard((sentence_key(pair.source), sentence_key(pair.target)))
    return sum(key not in missing for key in wanted)
