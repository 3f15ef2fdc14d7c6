"""Which pairs of a corpus are worth training on. Reads and writes no file.

Nothing is dropped silently: each removed pair is counted under the first rule that it breaks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from dragoman.bounds import LARGEST_WHOLE, Within, refuse_out_of_bounds
from dragoman.corpus.pairs import Pair, sides_of
from dragoman.corpus.processes import Kind, Work, in_order
from dragoman.corpus.seen import Seen
from dragoman.corpus.suspicions import LOT, Suspicions
from dragoman.errors import ConfigError
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

AT_ONCE = 20 * LOT  # pairs that are judged together
LARGE = 2**24  # characters of pairs that are held together, and one lot more

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
    *,
    processes: int | None = 1,
    scratch: Path | None = None,
) -> Iterator[Pair]:
    """The pairs worth keeping, as they come, with their text normalised as `config` says.

    `source` and `target` are language codes: they decide which scripts are right, and an unknown code none.
    `report` is filled while the pairs are taken, and `rejected` gets each that is left out, with the rule.
    processes: that judge pairs; None is one a core, for more than a hundred thousand pairs. They change no result.
    Memory: 8 bytes for each different pair; with `scratch`, a directory, never more than some hundred megabytes.
    """
    report = report if report is not None else CleaningReport()
    seen, suspicions = Seen(scratch), Suspicions(source, target)
    waiting: deque[list[Pair]] = deque()
    kind = Kind(judging, {"config": asdict(config), "languages": [source, target]})
    for found in in_order(kind, _sent(pairs, waiting), processes):
        block, rules = waiting.popleft(), found["rules"]
        suspicions.absorb(found["suspicions"])
        report.read += len(block)
        new = seen.add(np.frombuffer(bytes.fromhex(found["keys"]), dtype="<u8")) if found["keys"] else ()
        new_ones = iter(new)
        for pair, (one, other), rule in zip(block, found["texts"], rules, strict=True):
            pair = Pair(one, other, pair.extra)
            if not rule and config.drop_duplicates and not next(new_ones):
                rule = "duplicate"
            if not rule:
                report.kept += 1
                yield pair
            else:
                report.removed[rule] += 1
                rejected(pair, rule)
    report.notes += suspicions.notes(report.kept)


def _sent(pairs: Iterable[Pair], waiting: deque[list[Pair]]) -> Iterator[Any]:
    """What is sent of so many pairs at once; what is not travels in `waiting`."""
    read = 0
    for block in in_blocks(pairs):
        waiting.append(block)
        yield {"read": read, "texts": list(map(sides_of, block))}
        read += len(block)


def in_blocks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Full lots, as many as make up a block or as are large."""
    coming, block, size = iter(pairs), list[Pair](), 0
    while lot := list(islice(coming, LOT)):
        block += lot
        size += sum(len(pair.source) + len(pair.target) for pair in lot)
        if len(block) >= AT_ONCE or size > LARGE:
            yield block
            block, size = [], 0
    if block:
        yield block


def judging(settings: Any) -> Work:
    """What is said of a block of pairs by itself: prepared texts, broken rules, keys of the pairs that break none."""
    config, (source, target) = CleaningConfig(**settings["config"]), settings["languages"]
    simplified = [config.simplify in (side, "both") for side in ("source", "target")]

    def judge(block: Any) -> Any:
        suspicions = Suspicions(source, target, block["read"])
        texts, rules, keys = [], [], []
        for one, other in block["texts"]:
            suspicions.add(Pair(one, other))
            one = prepare_text(one, config.normalize, simplified[0])
            other = prepare_text(other, config.normalize, simplified[1])
            pair = Pair(one, other)
            rule = broken_rule(pair, config, source, target)
            if rule is None and config.drop_duplicates:
                keys.append(pair_key(pair))
            texts.append((one, other))
            rules.append(rule or "")
        return {
            "texts": texts,
            "rules": rules,
            "keys": b"".join(keys).hex(),
            "suspicions": suspicions.found(),
        }

    return judge


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
    return digest(f"{pair.source}\n{pair.target}")


def digest(text: str) -> bytes:
    """64 bits: of 3,700 corpora of a hundred million pairs, one loses a pair to a collision."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
