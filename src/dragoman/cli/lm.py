"""`dragoman lm`: train, measure and ask language models of every kind, one table for all. Computes nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from dragoman.cli import neural
from dragoman.cli.flags import FormatFlag, LanguageFlags, flags_of, given
from dragoman.cli.neural import NEURAL, NeuralFlags
from dragoman.cli.terminal import say, say_json
from dragoman.cli.texts import SideFlag, Texts, TokenFlags, read
from dragoman.errors import ModelError, UsageError
from dragoman.lineage.ngram import NgramConfig

if TYPE_CHECKING:
    from dragoman.lineage.ngramdir import NgramLM
    from dragoman.lineage.perplexity import LanguageModel

    NgramFlags = Any
else:
    NgramFlags = flags_of(NgramConfig, "n-gram models")

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

KindName = Literal["ngram", "nnlm", "rnn", "gpt", "bert"]  # the keys of KINDS
_WHICH = "which language model? Add -m and its directory, such as -m runs/ngram"
Directory = Annotated[Path | None, Parameter(name=("--model", "-m"), help="directory of the language model")]


@dataclass(frozen=True)
class Job:
    """A model to train: on what, where it goes, and the flags of each kind; a kind reads its own."""

    lines: list[str]
    tokens: TokenFlags
    output: Path
    ngram: dict[str, Any]
    neural: NeuralFlags = NeuralFlags()
    dev: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """`train` makes a model and writes it; `open` reads it again."""

    train: Callable[[Job], None]
    open: Callable[[Path], LanguageModel]


# -- kinds ------------------------------------------------------------------------------------------------------


def _train_ngram(job: Job) -> None:
    from dragoman.lineage.ngramdir import train_lm, write_ngram

    if job.neural.asked:
        kinds = f"{', '.join(NEURAL[:-1])} or {NEURAL[-1]}"
        raise UsageError(f"{job.neural.asked[0]} is for the neural kinds: add --kind {kinds}")
    config = NgramConfig(**job.ngram)
    model = train_lm(job.lines, job.tokens.splitter(job.lines), config)
    write_ngram(job.output, model, {"lines": len(job.lines), "prune": config.prune})
    counts = ", ".join(f"{len(values):,} {n}-grams" for n, values in enumerate(model.model.logprobs, 1))
    say(f"{job.output}: {counts}")


def _open_ngram(directory: Path) -> NgramLM:
    from dragoman.lineage.ngramdir import open_ngram

    return open_ngram(directory)


def _train_neural(kind: str, job: Job) -> None:
    if job.ngram:
        raise UsageError(f"--{next(iter(job.ngram)).replace('_', '-')} is for n-grams, not for --kind {kind}")
    neural.train(kind, job.lines, job.dev, job.tokens, job.output, job.neural)


# Every kind of language model. Another kind is another line.
KINDS: dict[str, Kind] = {
    "ngram": Kind(_train_ngram, _open_ngram),
    **{kind: Kind(partial(_train_neural, kind), neural.open_model) for kind in NEURAL},
}


def open_language_model(directory: Path | None) -> LanguageModel:
    """The model in a directory, whatever kind its config.toml says it is."""
    if directory is None:
        raise UsageError(_WHICH)
    kind = neural.kind_in(directory)
    if kind not in KINDS:
        raise ModelError(
            f"{directory} holds a model of kind {kind!r}, and language models are {', '.join(KINDS)}"
        )
    return KINDS[kind].open(directory)


# -- commands ---------------------------------------------------------------------------------------------------


@lm.command(
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
    flags: Annotated[NeuralFlags, Parameter(name="*")] = NeuralFlags(),  # noqa: B008 - frozen
) -> None:
    """Train a language model on text: n-grams (counted), nnlm, rnn, gpt or bert (learnt step by step)."""
    if flags.print_config and kind in NEURAL:
        neural.print_config(kind, flags)
        return
    if output is None:
        raise UsageError("where should the model go? Add -o and a directory, such as -o runs/ngram")
    lines = read(corpus, side, language)
    dev = read(flags.dev, side, language) if flags.dev is not None else []
    KINDS[kind].train(Job(lines, tokens, output, given(ngram) if ngram else {}, flags, dev))


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
) -> None:
    """How surprised a model is by a text: per token, and per character, by which models of different tokens compare.

    The end of a line is predicted too, and counts as a token and as a character. A token that is not in the vocabulary
    costs no more than <unk>, however long it is: where many are unknown, the model looks better than it is.
    """
    from dragoman.lineage.perplexity import perplexity as measure

    lines = read(corpus, side, language)
    found = measure(open_language_model(model).score(lines))
    if format == "json":
        per = {"perplexity": found.per_token, "perplexity_per_character": found.per_character}
        say_json({**per, **asdict(found)})
        return
    say(f"perplexity {found.per_token:.2f} per token, {found.per_character:.2f} per character")
    say(
        f"{found.lines:,} lines, {found.tokens:,} tokens, {found.characters:,} characters, "
        f"{found.unknown:,} tokens unknown"
    )


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
    opened = open_language_model(model)
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
    from dragoman.lineage.ngramdir import open_ngram

    if output is None:
        raise UsageError("where should the ARPA file go? Add -o and a file, such as -o model.arpa.gz")
    if model is None:
        raise UsageError(_WHICH)
    opened = open_ngram(model)
    write_arpa(output, opened.model, opened.words)


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
) -> None:
    """Read an ARPA file, or a BERT in Hugging Face format, into a model directory."""
    from dragoman.lineage.arpa import read_arpa
    from dragoman.lineage.ngramdir import NgramLM, write_ngram

    if output is None:
        raise UsageError("where should the model go? Add -o and a directory, such as -o runs/kenlm")
    if arpa.is_dir():
        neural.import_bert(arpa, output)
        return
    model, words = read_arpa(arpa)
    write_ngram(output, NgramLM(model, words, tokens.splitter()), {"from": arpa.name})
    say(f"{output}: order {model.order}, {len(words):,} words")


lm.command(neural.fill, usage=neural.FILL_USAGE, help_epilogue=neural.FILL_EXAMPLES)
lm.command(neural.next_sentence, name="next", usage=neural.NEXT_USAGE, help_epilogue=neural.NEXT_EXAMPLES)
lm.command(neural.classify, usage=neural.CLASSIFY_USAGE, help_epilogue=neural.CLASSIFY_EXAMPLES)
