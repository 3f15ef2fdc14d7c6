"""How good a translator is on a corpus: BLEU, chrF, perplexity, speed, flags; and which of two is better.

Scores are sacreBLEU's, each with the signature that makes it comparable. Trains nothing, and reads no file.
"""

from __future__ import annotations

import importlib.util
import math
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from sacrebleu import BLEU, CHRF
from sacrebleu.significance import PairedTest

from dragoman.corpus.pairs import Pair
from dragoman.errors import CorpusError, MissingExtraError, UsageError
from dragoman.text.normalize import dominant_script, scripts_of, to_simplified
from dragoman.translate.flags import FLAGS
from dragoman.translate.translation import Translation

if TYPE_CHECKING:
    from dragoman.decoding.options import DecodingOptions
    from dragoman.translate.translator import Translator

SAMPLES = 1000  # of the bootstrap
# Scripts that 13a does not cut into words, with the tokenizer for them and the module it needs; by characters where
# that is missing. Chinese has no rival to its own; for Thai and its neighbours sacreBLEU has only flores200, whose
# model it would download: what a score means must not depend on the network.
_TOKENIZERS: dict[str, tuple[str, str | None]] = {
    "Kana": ("ja-mecab", "MeCab"),
    "Hangul": ("ko-mecab", "mecab_ko"),
    "Han": ("zh", None),
    **dict.fromkeys(("Thai", "Lao", "Khmer", "Burmese", "Tibetan"), ("char", None)),
}
_LOOKED_AT = 100_000  # characters of references, to see what script they are in


@dataclass(frozen=True)
class Report:
    """One translator on one corpus. `str` is for people, `to_json` for machines."""

    pairs: int
    bleu: float
    bleu_signature: str
    chrf: float
    chrf_signature: str
    perplexity: float | None  # of a target token, </s> included; comparable only within one vocabulary
    perplexity_pairs: int  # those that the model can read whole
    length_ratio: float  # of the translations to the references, in BLEU's tokens
    sentences_per_second: float
    flags: dict[str, int]
    notes: tuple[str, ...]
    translations: list[Translation] = field(repr=False)
    references: list[list[str | None]] = field(repr=False)  # a list for each; None where a pair has fewer

    def to_json(self) -> dict[str, Any]:
        """All but the translations, as plain values."""
        plain = {key: value for key, value in vars(self).items() if key not in ("translations", "references")}
        return plain | {"flags": dict(self.flags), "notes": list(self.notes)}

    def __str__(self) -> str:
        return self.told(_english)

    def told(self, say: Callable[..., str]) -> str:
        """A line for each number; `say` puts an English sentence into another language, and fills its gaps."""
        perplexity = "-" if self.perplexity is None else f"{self.perplexity:.2f}"
        rows = [
            ("BLEU", f"{self.bleu:.1f}", self.bleu_signature),
            ("chrF2", f"{self.chrf:.1f}", self.chrf_signature),
            (
                say("perplexity"),
                perplexity,
                say("of a token of this model's vocabulary") if self.perplexity else "",
            ),
            (say("length ratio"), f"{self.length_ratio:.3f}", say("translations / references")),
            (say("pairs"), f"{self.pairs:,}", say("{n:,.0f} a second", n=self.sentences_per_second)),
            *(
                (say("flag {name}", name=flag), f"{count:,}", "")
                for flag, count in self.flags.items()
                if count
            ),
        ]
        lines = [f"{_wide(name, 20)} {value:>8}  {meaning}".rstrip() for name, value, meaning in rows]
        return "\n".join((*lines, *(say("note: {note}", note=note) for note in self.notes)))


def _english(sentence: str, **values: object) -> str:
    return sentence.format(**values) if values else sentence


def _wide(text: str, cells: int) -> str:
    """Filled up to so many cells; a Chinese character takes two."""
    return text + " " * (cells - sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text))


def evaluate(
    translator: Translator,
    pairs: Iterable[Pair],
    options: DecodingOptions | None = None,
    *,
    perplexity: bool = True,
    tokenize: str | None = None,
    protect: bool = True,
    references: Sequence[Sequence[str | None]] = (),
    progress: Callable[[int], object] | None = None,
    **overrides: Any,
) -> Report:
    """Translate the source side of `pairs` and measure against the target side.

    references: more of them, each with a text for each pair; None or "" where there is none. An n-gram counts where
    any reference has it. tokenize: BLEU's tokenizer, default the one for the target language. `options`, `protect`
    and `overrides` as in Translator.translate. Raises CorpusError when there is no pair, UsageError for an unknown
    tokenizer and for references that are not as many as the pairs.
    """
    pairs = list(pairs)
    if not pairs:
        raise CorpusError("there is nothing to evaluate on: the corpus has no pairs")
    language = translator.languages[1]
    tokenize = tokenize or bleu_tokenizer(language)
    if tokenize not in BLEU.TOKENIZERS:
        raise UsageError(f"tokenize = {tokenize!r}: sacreBLEU has {', '.join(sorted(BLEU.TOKENIZERS))}")
    bleu, chrf = _bleu(tokenize), CHRF()
    whole, notes = _all_references(translator, [pair.target for pair in pairs], references)
    notes += _warnings(language, tokenize, [pair.target for pair in pairs])
    started = time.perf_counter()
    translations = translator.translate(
        [pair.source for pair in pairs], options, protect=protect, progress=progress, **overrides
    )
    seconds = time.perf_counter() - started
    texts = [translation.text for translation in translations]
    found, found_chrf = bleu.corpus_score(texts, whole), chrf.corpus_score(texts, whole)  # type: ignore[arg-type]
    perplexed, measured, why = _perplexity(translator, pairs) if perplexity else (None, 0, [])
    return Report(
        pairs=len(pairs),
        bleu=found.score,
        bleu_signature=str(bleu.get_signature()),
        chrf=found_chrf.score,
        chrf_signature=str(chrf.get_signature()),
        perplexity=perplexed,
        perplexity_pairs=measured,
        length_ratio=found.sys_len / max(found.ref_len, 1),
        sentences_per_second=len(pairs) / seconds,
        flags={flag: sum(flag in translation.flags for translation in translations) for flag in FLAGS},
        notes=(*notes, *why),
        translations=translations,
        references=whole,
    )


def scored(texts: Sequence[str], targets: list[str], language: str, simplified: bool) -> tuple[float, float]:
    """BLEU and chrF2 of translations that are there already; `simplified`: the model learnt simplified Chinese."""
    references = [to_simplified(target) for target in targets] if simplified else targets
    bleu = _bleu(bleu_tokenizer(language))
    return bleu.corpus_score(texts, [references]).score, CHRF().corpus_score(texts, [references]).score


def _bleu(tokenize: str) -> BLEU:
    """Raises UsageError for a tokenizer that needs what is not here: a package, or a download."""
    try:
        return BLEU(tokenize=tokenize, force=True)  # force: say nothing about tokenised text
    except (OSError, RuntimeError, ImportError) as error:
        why = str(error).strip().splitlines()[0][:200]
        raise UsageError(f"tokenize = {tokenize!r} cannot be used here: {why}") from error


def bleu_tokenizer(language: str) -> str:
    """sacreBLEU's tokenizer for a target language; characters where the right one is not installed."""
    return _tokenizer(scripts_of(language))


def _tokenizer(scripts: Collection[str]) -> str:
    """For text in these scripts; of Japanese, kana tell more than Han."""
    name, module = next((found for script, found in _TOKENIZERS.items() if script in scripts), ("13a", None))
    return name if module is None or importlib.util.find_spec(module) else "char"


def _all_references(
    translator: Translator, targets: list[str], more: Sequence[Sequence[str | None]]
) -> tuple[list[list[str | None]], list[str]]:
    """The targets and further references as they are measured against, and what there is to say about them.

    Raises UsageError for references that are not as many as the pairs.
    """
    for number, one in enumerate(more, 2):
        if len(one) != len(targets):
            raise UsageError(
                f"reference {number} has {len(one):,} lines and the corpus {len(targets):,} pairs: there must be one "
                "for each pair, an empty one where there is none"
            )
    whole: list[list[str | None]] = [[*targets]]
    whole += ([text if text and text.strip() else None for text in one] for one in more)
    notes = []
    counts = Counter(sum(text is not None for text in texts) for texts in zip(*whole, strict=True))
    if len(counts) > 1:
        each = ", ".join(f"{count:,} pairs {n}" for n, count in sorted(counts.items(), reverse=True))
        notes.append(f"not all pairs have as many references (nrefs:var): {each}")
    return _as_learnt(translator, whole, notes)


def _as_learnt(
    translator: Translator, references: list[list[str | None]], notes: list[str]
) -> tuple[list[list[str | None]], list[str]]:
    """A model that learnt simplified Chinese is not to blame for references in traditional signs."""
    if translator.cleaning["simplify"] not in ("target", "both"):
        return references, notes
    simplified = [[text and to_simplified(text) for text in one] for one in references]
    pairs = zip(chain(*references), chain(*simplified), strict=True)
    if changed := sum(one != other for one, other in pairs):
        notes.append(
            f"{changed:,} references were turned from traditional into simplified Chinese, as in training"
        )
    return simplified, notes


def _warnings(language: str, tokenize: str, references: Sequence[str]) -> list[str]:
    """What to know about the tokenizer: by what the references are written in, whatever the code says."""
    script = dominant_script("".join(references)[:_LOOKED_AT])
    right = bleu_tokenizer(language)
    if right == "13a" and script:
        right = _tokenizer({script})
    if tokenize == "13a" and right != "13a":
        what = language if right == bleu_tokenizer(language) else f"{script} script"
        return [f"warning: 13a does not cut {what} into words, so this BLEU means little; use {right}"]
    if tokenize == "char" and scripts_of(language) & _TOKENIZERS.keys():
        return [f"no word segmenter for {language} is installed: this is BLEU over characters"]
    return []


def _perplexity(translator: Translator, pairs: Sequence[Pair]) -> tuple[float | None, int, list[str]]:
    """exp of the mean -log p of all target tokens, over how many pairs, and what there is to say about it."""
    readable = [pair for pair in pairs if pair.target.strip() and translator.reads(pair.source, pair.target)]
    if not readable:
        return None, 0, ["no perplexity: no pair is short enough for the model to read it whole"]
    try:
        scores = translator.score([pair.source for pair in readable], [pair.target for pair in readable])
    except MissingExtraError as error:
        return None, 0, [f"no perplexity: {error}"]
    tokens = sum(len(score.token_scores) for score in scores)
    return math.exp(min(-sum(score.logprob for score in scores) / tokens, 700.0)), len(readable), []


# -- two systems ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One metric, two systems: is the second better than the first by more than chance?"""

    metric: str
    first: float
    second: float
    first_interval: float  # half width of the 95 % interval of each score
    second_interval: float
    p_value: float  # that a difference this large comes from the choice of sentences
    signature: str


@dataclass(frozen=True)
class Comparison:
    """Two translators on the same pairs, by paired bootstrap (Koehn, 2004)."""

    names: tuple[str, str]
    differences: list[Difference]

    def to_json(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "differences": [vars(difference) for difference in self.differences],
        }

    def __str__(self) -> str:
        return self.told(_english)

    def told(self, say: Callable[..., str]) -> str:
        """Each metric of both systems; `say` as in Report.told."""
        width = max(map(len, self.names))
        lines = []
        for d in self.differences:
            verdict = say("significant" if d.p_value < 0.05 else "may be chance")
            lines += [
                f"{d.metric:<6} {self.names[0]:<{width}}  {d.first:5.1f} ± {d.first_interval:.1f}",
                f"{'':<6} {self.names[1]:<{width}}  {d.second:5.1f} ± {d.second_interval:.1f}"
                f"  ({d.second - d.first:+.1f}, p = {d.p_value:.3f}: {verdict})",
                f"{'':<6} {d.signature}",
            ]
        return "\n".join(lines)


def compare(
    first: Report, second: Report, names: tuple[str, str] = ("first", "second"), samples: int = SAMPLES
) -> Comparison:
    """Paired bootstrap over the sentences of two reports on the same pairs; the same result each time.

    Raises UsageError when the pairs or the tokenizers differ.
    """
    if [t.source for t in first.translations] != [t.source for t in second.translations]:
        raise UsageError("the two reports are on different pairs: evaluate both on the same corpus")
    if first.references != second.references or first.bleu_signature != second.bleu_signature:
        raise UsageError(
            "the two reports were measured differently (references or BLEU's tokenizer): "
            f"{first.bleu_signature} and {second.bleu_signature}"
        )
    tokenize = dict(entry.split(":", 1) for entry in first.bleu_signature.split("|"))["tok"]
    # Both need a name of their own, whatever the user calls them.
    systems: list[tuple[str, Sequence[str]]] = [
        ("first", [t.text for t in first.translations]),
        ("second", [t.text for t in second.translations]),
    ]
    metrics = {"BLEU": _bleu(tokenize), "chrF2": CHRF()}
    signatures, found = PairedTest(systems, metrics, first.references, "bs", samples)()  # type: ignore[arg-type]
    scores: dict[str, Any] = dict(found)
    differences = []
    for metric, (one, other) in ((metric, scores[metric]) for metric in metrics):
        # sacreBLEU counts differences larger than the one found, so two equal systems would get the smallest p.
        p = 1.0 if one.score == other.score else other.p_value
        # float(): numpy's numbers are none to JSON.
        score, interval = (float(one.score), float(other.score)), (float(one.ci), float(other.ci))
        differences.append(Difference(metric, *score, *interval, float(p), str(signatures[metric])))
    return Comparison(names, differences)
