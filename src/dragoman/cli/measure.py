"""`dragoman evaluate` and `dragoman score`: numbers about a model on given pairs. Computes none of them itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.flags import Corpus, EnsembleFlags, FormatFlag, ModelFlags, RawFlag, flags_of, given
from dragoman.cli.language import LangFlag, chosen, speaker
from dragoman.cli.reading import DirectionFlags
from dragoman.cli.terminal import counter, say, say_json, tell
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.files import publish
from dragoman.text.directions import Direction, all_told, fitting, told

if TYPE_CHECKING:
    from dragoman.corpus.pairs import Pair
    from dragoman.evaluate import Comparison, Report
    from dragoman.translate.translation import Score
    from dragoman.translate.translator import Translator

    DecodingFlags = Any
else:
    DecodingFlags = flags_of(
        DecodingOptions, "Decoding", "What is not given is as the model's config.toml says."
    )

_SCORED_AT_ONCE = 1000  # pairs, whose scores are printed before those of the next begin
_SHOWN = 5

EVALUATE_USAGE = "dragoman evaluate CORPUS... [-m MODEL] [OPTIONS]"
EVALUATE_EXAMPLES = """Examples:

  dragoman evaluate corpus/tatoeba/dev.tsv.gz

  dragoman evaluate test.de test.en -m runs/de-en --against runs/older

  dragoman evaluate test.tsv --format json --save-translations test.out

  dragoman evaluate test.de test.en -m runs/de-en --reference second.en --reference third.en

  dragoman evaluate test.de test.en --ensemble -m runs/one -m runs/two"""

SCORE_USAGE = "dragoman score CORPUS... [-m MODEL] [OPTIONS]"
SCORE_EXAMPLES = """Examples:

  dragoman score corpus/tatoeba/dev.tsv.gz

  dragoman score pairs.en pairs.zh --normalize"""


@dataclass(frozen=True)
class MeasureFlags:
    """What translations are compared with, and what is kept of them."""

    against: Annotated[str | None, Parameter(help="another model: is the difference more than chance?")] = (
        None
    )
    reference: Annotated[
        tuple[Path, ...],
        Parameter(
            help="more references: a text, a line for each pair, empty where there is none; may be given several times"
        ),
    ] = ()
    reference_columns: Annotated[
        tuple[int, ...],
        Parameter(help="columns of the table that hold more references, from 3 on", consume_multiple=True),
    ] = ()
    tokenize: Annotated[str | None, Parameter(help="BLEU's tokenizer, if not the target language's own")] = (
        None
    )
    save_translations: Annotated[Path | None, Parameter(help="also write the translations to this file")] = (
        None
    )

    @property
    def of_one_direction(self) -> bool:
        """Whether a file is named that is of one direction alone."""
        return bool(self.save_translations is not None or self.reference or self.reference_columns)

    def how(self, pairs: list[Pair]) -> dict[str, Any]:
        """What evaluate.evaluate is asked for."""
        references = further_references(self.reference, self.reference_columns, pairs)
        return {"tokenize": self.tokenize, "references": references}


def evaluate(
    *corpus: Corpus,
    model: Annotated[EnsembleFlags, Parameter(name="*")] = EnsembleFlags(),  # noqa: B008 - frozen
    direction: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    measure: Annotated[MeasureFlags, Parameter(name="*")] = MeasureFlags(),  # noqa: B008 - frozen
    raw: RawFlag = False,
    format: FormatFlag = "text",
    decoding: Annotated[DecodingFlags, Parameter(name="*")] = None,
    lang: LangFlag = None,
) -> None:
    """Measure a model: BLEU and chrF2 with signatures, perplexity, speed, flags.

    A model of several directions is measured in each that the corpus is in, or in the one that is named.
    """
    speak = speaker(chosen(lang))
    translator = direction.toward(model.load())
    other = None if measure.against is None else direction.toward(model.open(measure.against))
    found = pairs_of(corpus, translator)
    if len(found) > 1 and measure.of_one_direction:
        raise UsageError(
            f"one file of translations or references is of one direction of {all_told([*found])}: name it with "
            "--source-lang and --target-lang"
        )
    for number, (way, pairs) in enumerate(found.items()):
        asked = {**measure.how(pairs), "protect": not raw}
        report = _measured(translator.toward(*way), pairs, decoding, asked)
        if measure.save_translations is not None:
            _save(measure.save_translations, report)
        comparison = None
        if other is not None:
            names = measure.against or "", model.name
            rival = _measured(_same_way(other, way, names), pairs, decoding, asked)
            comparison = _compared(rival, report, names)
        several = len(translator.model.directions) > 1
        if format == "json":
            more = {"comparison": comparison.to_json()} if comparison else {}
            named = dict(zip(("source", "target"), way, strict=True)) if several else {}
            about = {"model": model.name, "corpus": list(map(str, corpus))}
            say_json({**about, **named, **report.to_json(), **more})
            continue
        if several:
            say("\n" * bool(number) + told(way))
        say(report.told(speak))
        if comparison is not None:
            say(f"\n{comparison.told(speak)}")


def _compared(rival: Report, report: Report, names: tuple[str, str]) -> Comparison:
    from dragoman.evaluate import compare

    return compare(rival, report, names)


def _same_way(other: Translator, way: Direction, names: tuple[str, str]) -> Translator:
    """Another model in this direction. Raises UsageError where it does not translate so."""
    if not fitting(other.directions, *way):
        raise UsageError(
            f"{names[1]} translates {'-'.join(way)} and {names[0]} "
            f"{', '.join('-'.join(one) for one in other.directions)}: only models of the same languages can be compared"
        )
    return other.toward(*way)


def only_direction(translator: Translator, corpus: tuple[Path, ...] = ()) -> Translator:
    """Of several directions, of which none was named, the one that the corpus is written in, source first.

    Raises UsageError where it is in none or in several.
    """
    from dragoman.corpus.directed import corpora_of

    if len(translator.directions) == 1:
        return translator
    ways = {one.columns for one in corpora_of(corpus, translator.model.directions)} if corpus else set()
    if len(ways) == 1 and (way := ways.pop()) in translator.directions:
        return translator.toward(*way)
    raise UsageError(
        f"this model translates {all_told(translator.directions)}: name one with --source-lang and --target-lang"
    )


def pairs_of(corpus: tuple[Path, ...], translator: Translator) -> dict[Direction, list[Pair]]:
    """By direction; of a model of several, those that the corpus is in."""
    from dragoman.corpus.directed import corpora_of, exchanged
    from dragoman.corpus.pairs import read_corpus

    if len(translator.model.directions) == 1:
        return {translator.languages: list(read_corpus(corpus, *translator.languages))}
    found: dict[Direction, list[Pair]] = {}
    for one in corpora_of(corpus, translator.model.directions):
        for way in translator.directions:
            if {*way} == {*one.languages}:
                pairs = one.pairs(labelled=False)
                found.setdefault(way, []).extend(pairs if way == one.languages else map(exchanged, pairs))
    if not found:
        raise UsageError(
            f"the corpus is in other languages than {all_told(translator.directions)} are between"
        )
    return found


def _measured(translator: Translator, pairs: list[Pair], decoding: Any, asked: dict[str, Any]) -> Report:
    from dragoman.evaluate import evaluate as measure

    options = translator.options.changed(**given(decoding)) if decoding else translator.options
    with counter("sentences", len(pairs)) as progress:
        return measure(translator, pairs, options, progress=progress, **asked)


def further_references(
    files: tuple[Path, ...], columns: tuple[int, ...], pairs: list[Pair]
) -> list[list[str | None]]:
    """The references beside the target sides: of texts, then of columns of a table. Raises UsageError, CorpusError."""
    from dragoman.corpus.lines import read_lines

    found: list[list[str | None]] = [list(read_lines(path)) for path in files]
    for path, lines in zip(files, found, strict=True):
        if len(lines) != len(pairs):
            raise UsageError(
                f"{path} has {len(lines):,} lines and the corpus {len(pairs):,} pairs: there must be a line for each "
                "pair, an empty one where there is none"
            )
    cells = [pair.extra.split("\t") if pair.extra else [] for pair in pairs]
    for column in columns:
        if column < 3:
            raise UsageError(
                f"--reference-columns {column}: the columns after source and target begin with 3"
            )
        read = [row[column - 3] if len(row) > column - 3 else None for row in cells]
        if not any(read):
            raise UsageError(
                f"--reference-columns {column}: no pair of the corpus has anything in column {column}"
            )
        found.append(read)
    return found


def _save(path: Path, report: Report) -> None:
    """One line for each pair, whatever is in a translation."""
    lines = [translation.text.replace("\n", " ") for translation in report.translations]
    publish(path, "".join(f"{line}\n" for line in lines).encode())


def score(
    *corpus: Corpus,
    model: Annotated[ModelFlags, Parameter(name="*")] = ModelFlags(),  # noqa: B008 - frozen
    direction: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    normalize: Annotated[
        bool, Parameter(help="divide by the number of tokens, sentence end included")
    ] = False,
    format: FormatFlag = "text",
) -> None:
    """How probable the target sides of a corpus are to a model: one log-probability a line, in nats.

    A pair that is too long for the model to read whole has none: its line is "-", in JSON null.
    """
    translator = only_direction(direction.toward(model.load()), corpus)
    pairs, unread = pairs_of(corpus, translator)[translator.languages], []
    for start in range(0, len(pairs), _SCORED_AT_ONCE):
        some = pairs[start : start + _SCORED_AT_ONCE]
        reads = [translator.reads(pair.source, pair.target) for pair in some]
        readable = [pair for pair, read in zip(some, reads, strict=True) if read]
        scores = iter(
            translator.score([pair.source for pair in readable], [pair.target for pair in readable])
        )
        for number, read in enumerate(reads, start + 1):
            found = next(scores) if read else None
            if found is None:
                unread.append(number)
            _say_score(found, normalize, format)
    if unread:
        first = ", ".join(f"{number:,}" for number in unread[:_SHOWN]) + (", ..." if unread[_SHOWN:] else "")
        tell(
            f"{len(unread):,} of {len(pairs):,} pairs have more tokens than the {translator.positions - 1:,} that the "
            f"model reads, and no score (pair {first})"
        )


def _say_score(found: Score | None, normalize: bool, format: str) -> None:
    if format == "json":
        names = ("logprob", "tokens", "token_scores")
        say_json({name: None if found is None else getattr(found, name) for name in names})
    elif found is None:
        say("-")
    else:
        say(f"{found.logprob / (len(found.tokens) if normalize else 1):.4f}")
