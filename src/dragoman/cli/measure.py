"""`dragoman evaluate` and `dragoman score`: numbers about a model on given pairs. Computes none of them itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dragoman.cli.flags import Corpus, FormatFlag, ModelFlags, flags_of, given
from dragoman.cli.terminal import counter, say, say_json
from dragoman.decoding.options import DecodingOptions
from dragoman.errors import UsageError
from dragoman.text.languages import base_language

if TYPE_CHECKING:
    from dragoman.corpus.pairs import Pair
    from dragoman.evaluate import Report
    from dragoman.translate.translator import Translator

    DecodingFlags = Any
else:
    DecodingFlags = flags_of(
        DecodingOptions, "Decoding", "What is not given is as the model's config.toml says."
    )

EVALUATE_USAGE = "dragoman evaluate CORPUS... [-m MODEL] [OPTIONS]"
EVALUATE_EXAMPLES = """Examples:

  dragoman evaluate corpus/tatoeba/dev.tsv.gz

  dragoman evaluate test.de test.en -m runs/de-en --against runs/older

  dragoman evaluate test.tsv --format json --save-translations test.out"""

SCORE_USAGE = "dragoman score CORPUS... [-m MODEL] [OPTIONS]"
SCORE_EXAMPLES = """Examples:

  dragoman score corpus/tatoeba/dev.tsv.gz

  dragoman score pairs.en pairs.zh --normalize"""


def evaluate(
    *corpus: Corpus,
    model: Annotated[ModelFlags, Parameter(name="*")] = ModelFlags(),  # noqa: B008 - frozen
    against: Annotated[
        str | None, Parameter(help="another model: is the difference more than chance?")
    ] = None,
    tokenize: Annotated[
        str | None, Parameter(help="BLEU's tokenizer, if not the target language's own")
    ] = None,
    save_translations: Annotated[
        Path | None, Parameter(help="also write the translations to this file")
    ] = None,
    format: FormatFlag = "text",
    decoding: Annotated[DecodingFlags, Parameter(name="*")] = None,
) -> None:
    """Measure a model: BLEU and chrF2 with signatures, perplexity, speed, flags."""
    translator = model.load()
    pairs = _pairs(corpus, translator)
    report = _measured(translator, pairs, decoding, tokenize)
    if save_translations is not None:
        _save(save_translations, report)
    comparison = None
    if against is not None:
        from dragoman.evaluate import compare

        other = model.load(against)
        if [*map(base_language, other.languages)] != [*map(base_language, translator.languages)]:
            raise UsageError(
                f"{model.model} translates {'-'.join(translator.languages)} and {against} "
                f"{'-'.join(other.languages)}: only models of the same languages can be compared"
            )
        comparison = compare(_measured(other, pairs, decoding, tokenize), report, (against, model.model))
    if format == "json":
        more = {"comparison": comparison.to_json()} if comparison else {}
        say_json({"model": model.model, "corpus": list(map(str, corpus)), **report.to_json(), **more})
        return
    say(str(report))
    if comparison is not None:
        say(f"\n{comparison}")


def _pairs(corpus: tuple[Path, ...], translator: Translator) -> list[Pair]:
    from dragoman.corpus.pairs import read_corpus

    return list(read_corpus(corpus, *translator.languages))


def _measured(translator: Translator, pairs: list[Pair], decoding: Any, tokenize: str | None) -> Report:
    from dragoman.evaluate import evaluate as measure

    options = translator.options.changed(**given(decoding)) if decoding else translator.options
    with counter("sentences", len(pairs)) as progress:
        return measure(translator, pairs, options, tokenize=tokenize, progress=progress)


def _save(path: Path, report: Report) -> None:
    """One line for each pair, whatever is in a translation."""
    lines = [translation.text.replace("\n", " ") for translation in report.translations]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def score(
    *corpus: Corpus,
    model: Annotated[ModelFlags, Parameter(name="*")] = ModelFlags(),  # noqa: B008 - frozen
    normalize: Annotated[
        bool, Parameter(help="divide by the number of tokens, sentence end included")
    ] = False,
    format: FormatFlag = "text",
) -> None:
    """How probable the target sides of a corpus are to a model: one log-probability a line, in nats."""
    translator = model.load()
    pairs = _pairs(corpus, translator)
    for found in translator.score([pair.source for pair in pairs], [pair.target for pair in pairs]):
        if format == "json":
            say_json({"logprob": found.logprob, "tokens": found.tokens, "token_scores": found.token_scores})
        else:
            say(f"{found.logprob / (len(found.tokens) if normalize else 1):.4f}")
