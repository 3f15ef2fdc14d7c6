"""`dragoman lm`: train, measure and ask language models of every kind, one table for all. Computes nothing itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from dragoman.cli import neural, whole
from dragoman.cli.flags import FormatFlag, LanguageFlags, flags_of, given
from dragoman.cli.language import LangFlag, Say, chosen, speaker
from dragoman.cli.neural import GROUP, NeuralFlags
from dragoman.cli.terminal import say, say_json
from dragoman.cli.texts import SideFlag, Texts, TokenFlags, read, refuse_ranks
from dragoman.errors import UsageError
from dragoman.lineage.kinds import Verb, names
from dragoman.lineage.ngram import NgramConfig

if TYPE_CHECKING:
    from dragoman.lineage.perplexity import LanguageModel
    from dragoman.model.languagemodels import LmDirectory

    NgramFlags = Any
    KindName = str
else:
    NgramFlags = flags_of(NgramConfig, "n-gram models")
    KindName = Literal[names()]

lm = App(
    "lm",
    help="Language models: how probable a text is, and what may come next.",
    usage="dragoman lm COMMAND ...",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman lm train corpus.zh -o runs/ngram --order 5\n\n"
        "  dragoman lm train corpus.zh -o runs/gpt --kind gpt\n\n"
        "  dragoman lm perplexity dev.zh -m runs/ngram\n\n"
        "  dragoman lm sample -m runs/ngram --prompt 今天"
    ),
)

NEURAL = f"{', '.join(names(counted=False)[:-1])} or {names(counted=False)[-1]}"
_WHICH = "which language model? Add -m and its directory, such as -m runs/ngram; -m lineage/gpt came with the program"
Directory = Annotated[Path | None, Parameter(name=("--model", "-m"), help="directory of the language model")]


# -- kinds ------------------------------------------------------------------------------------------------------


def _train_ngram(
    lines: list[str], tokens: TokenFlags, output: Path, flags: dict[str, Any], told: Say
) -> None:
    from dragoman.lineage.ngramlm import train_lm
    from dragoman.model.languagemodels import write_ngram

    refuse_ranks("n-grams are counted")
    config = NgramConfig(**flags)
    lm = train_lm(lines, tokens.splitter(lines), config)
    write_ngram(output, lm, {"lines": len(lines), "prune": config.prune})
    counts = ", ".join(
        told("{count:,} {n}-grams", count=len(values), n=n) for n, values in enumerate(lm.model.logprobs, 1)
    )
    say(f"{output}: {counts}")


def _refuse_flags_of_others(kind: str, ngram: dict[str, Any], flags: NeuralFlags) -> None:
    if kind in names(counted=True):
        if flags.asked:
            raise UsageError(f"{flags.asked[0]} is for the neural kinds: add --kind {NEURAL}")
    elif ngram:
        raise UsageError(f"--{next(iter(ngram)).replace('_', '-')} is for n-grams, not for --kind {kind}")


def _opened(directory: Path | None) -> LmDirectory:
    from dragoman.model.languagemodels import open_lm

    if directory is None:
        raise UsageError(_WHICH)
    return open_lm(directory)


def open_language_model(directory: Path | None, verb: Verb = "perplexity") -> LanguageModel:
    """The model in a directory, whatever its kind, if it answers this verb."""
    return _opened(directory).language_model(verb)


# -- commands ---------------------------------------------------------------------------------------------------


@lm.command(
    help=f"Train a language model on text: n-grams (counted), {NEURAL} (learnt step by step).",
    usage="dragoman lm train TEXT... -o DIR [--kind KIND] [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman lm train corpus/tatoeba/train.tsv.gz -o runs/ngram\n\n"
        "  dragoman lm train corpus/tatoeba/train.tsv.gz -o runs/gpt --kind gpt --set model.layers=6\n\n"
        "  dragoman lm train poems.txt -o runs/poems --kind gpt --from runs/gpt\n\n"
        "  dragoman lm train books.txt.gz -o runs/words --unit words --order 3 --prune 0 0 1"
    ),
)
def train(
    *corpus: Texts,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="directory for the model")] = None,
    kind: Annotated[KindName, Parameter(help="of model", show_default=True)] = "ngram",
    side: SideFlag = "target",
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    tokens: Annotated[TokenFlags, Parameter(name="*")] = TokenFlags(),  # noqa: B008 - frozen
    ngram: Annotated[NgramFlags, Parameter(name="*")] = None,
    flags: Annotated[NeuralFlags, Parameter(name="*", group=GROUP)] = NeuralFlags(),  # noqa: B008 - frozen
    lang: LangFlag = None,
) -> None:
    """Train a language model of any kind."""
    if flags.print_config and kind in names(counted=False):
        neural.print_config(kind, flags)
        return
    if output is None:
        raise UsageError("where should the model go? Add -o and a directory, such as -o runs/ngram")
    told = speaker(chosen(lang))
    asked = given(ngram) if ngram else {}
    lines = read(corpus, side, language)
    dev = read(flags.dev, side, language) if flags.dev is not None else []
    _refuse_flags_of_others(kind, asked, flags)
    if kind in names(counted=True):
        _train_ngram(lines, tokens, output, asked, told)
    else:
        neural.train(kind, lines, dev, tokens, output, flags)


@lm.command(
    usage="dragoman lm perplexity TEXT... -m DIR [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman lm perplexity corpus/tatoeba/dev.tsv.gz -m runs/ngram",
)
def perplexity(
    *corpus: Texts,
    model: Directory = None,
    side: SideFlag = "target",
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    format: FormatFlag = "text",
    lang: LangFlag = None,
) -> None:
    """How surprised a model is by a text: per token, and per character, by which models of different tokens compare.

    The end of a line is predicted too, and counts as a token and as a character. A token that is not in the vocabulary
    costs no more than <unk>, however long it is: where many are unknown, the model looks better than it is.
    """
    from dragoman.lineage.perplexity import perplexity as measure

    told = speaker(chosen(lang))
    lines = read(corpus, side, language)
    found = measure(open_language_model(model).score(lines))
    if format == "json":
        per = {"perplexity": found.per_token, "perplexity_per_character": found.per_character}
        say_json({**per, **asdict(found)})
        return
    each = {"token": found.per_token, "character": found.per_character}
    say(told("perplexity {token:.2f} per token, {character:.2f} per character", **each))
    counts = "{lines:,} lines, {tokens:,} tokens, {characters:,} characters, {unknown:,} tokens unknown"
    say(told(counts, **{name: getattr(found, name) for name in ("lines", "tokens", "characters", "unknown")}))


@lm.command(
    usage="dragoman lm sample -m DIR [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman lm sample -m runs/ngram --prompt 今天 --count 3 --temperature 0.8",
)
def sample(
    *,
    model: Directory = None,
    prompt: Annotated[str, Parameter(help="how the text begins")] = "",
    count: Annotated[int, Parameter(help="texts to draw", show_default=True)] = 1,
    longest: Annotated[int, Parameter(help="tokens of a text at most", show_default=True)] = 100,
    temperature: Annotated[
        float, Parameter(help="below 1 keeps to what is probable", show_default=True)
    ] = 1.0,
    seed: Annotated[int, Parameter(help="of the first text; the next has the next", show_default=True)] = 1,
) -> None:
    """Draw texts, token by token."""
    for name, value in (("count", count), ("longest", longest), ("temperature", temperature)):
        if not value > 0:
            raise UsageError(f"--{name} {value:g}: must be above 0")
    opened = open_language_model(model, "sample")
    for i in range(count):
        say(opened.sample(prompt, longest, temperature, seed + i))


@lm.command(
    name="export",
    usage="dragoman lm export -m DIR -o FILE",
    help_epilogue="Examples:\n\n  dragoman lm export -m runs/ngram -o model.arpa.gz",
)
def export_arpa(
    *,
    model: Directory = None,
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="ARPA file to write; packed if .gz or .zst follows"),
    ] = None,
) -> None:
    """Write an n-gram model as an ARPA file, which KenLM, SRILM and others read."""
    from dragoman.lineage.arpa import write_arpa
    from dragoman.lineage.ngram import NgramModel

    if output is None:
        raise UsageError("where should the ARPA file go? Add -o and a file, such as -o model.arpa.gz")
    opened = _opened(model).answering("export")
    assert isinstance(opened.model, NgramModel)
    write_arpa(output, opened.model, opened.vocabulary.words)


@lm.command(
    name="import",
    usage="dragoman lm import FILE -o DIR [--unit UNIT] [OPTIONS]",
    help_epilogue=(
        "Examples:\n\n"
        "  dragoman lm import model.arpa.gz -o runs/kenlm --unit words\n\n"
        "  dragoman lm import bert-base-chinese -o runs/bert-zh"
    ),
)
def import_arpa(
    arpa: Annotated[Path, Parameter(help="ARPA file; may be packed (.gz, .zst); or a directory with a BERT")],
    /,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="directory for the model")] = None,
    tokens: Annotated[TokenFlags, Parameter(name="*")] = TokenFlags(unit="words"),  # noqa: B008 - frozen
    lang: LangFlag = None,
) -> None:
    """Read an ARPA file, or a BERT in Hugging Face format, into a model directory."""
    from dragoman.lineage.arpa import read_arpa
    from dragoman.lineage.ngramlm import NgramLM
    from dragoman.model.languagemodels import write_ngram
    from dragoman.text.vocabulary import Vocabulary

    if output is None:
        raise UsageError("where should the model go? Add -o and a directory, such as -o runs/kenlm")
    if arpa.is_dir():
        neural.import_bert(arpa, output)
        return
    model, words = read_arpa(arpa)
    write_ngram(output, NgramLM(model, Vocabulary(words, tokens.splitter())), {"from": arpa.name})
    told = speaker(chosen(lang))
    say(f"{output}: {told('order {order}, {words:,} words', order=model.order, words=len(words))}")


lm.command(whole.compare, usage=whole.USAGE, help_epilogue=whole.EXAMPLES)
lm.command(neural.fill, usage=neural.FILL_USAGE, help_epilogue=neural.FILL_EXAMPLES)
lm.command(neural.next_sentence, name="next", usage=neural.NEXT_USAGE, help_epilogue=neural.NEXT_EXAMPLES)
lm.command(neural.classify, usage=neural.CLASSIFY_USAGE, help_epilogue=neural.CLASSIFY_EXAMPLES)
