"""The neural kinds of `dragoman lm`: their flags, their training, what only a BERT can be asked. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.cli.runs import RunFlags
from dragoman.cli.terminal import input_lines, say, say_json
from dragoman.cli.texts import TokenFlags
from dragoman.config import Resolved, Sections, explain, resolve
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.lineage.kinds import Verb
    from dragoman.lineage.masked import MaskedLM
    from dragoman.model.languagemodels import LmDirectory
    from dragoman.training.tasks.classifier import Example
    from dragoman.training.tasks.languagemodels import LmRunConfig

BertDirectory = Annotated[Path | None, Parameter(name=("--model", "-m"), help="directory of the BERT")]
GROUP = Group("neural models", sort_key=11)


@dataclass(frozen=True)
class NeuralFlags(RunFlags):
    """How a language model is trained."""

    dev: Annotated[
        list[Path] | None,
        Parameter(consume_multiple=True, help="text to validate on; without it, lines are held out"),
    ] = None

    def resolve(
        self, kind: str, base: LmDirectory | None, task: Sections | None = None
    ) -> Resolved[LmRunConfig]:
        """The whole configuration of a run of this kind; `task` are the defaults of what it is trained for."""
        from dragoman.training.tasks.languagemodels import defaults, run_config

        layers: list[tuple[str, Any]] = [(f"--kind {kind}", defaults(kind)), ("task", task or {})]
        if base is not None:
            layers.append((str(base.path), {"model": base.config["model"]}))
            longest = base.config["model"].get("max_length")
            if longest is not None:
                layers.append((str(base.path), {"data": {"longest": min(128, longest)}}))
        return resolve(run_config(kind), self.over(layers))


def print_config(kind: str, flags: NeuralFlags) -> None:
    say(explain(flags.resolve(kind, _base(kind, flags.base))).rstrip("\n"))


def train(
    kind: str, lines: Sequence[str], dev: Sequence[str], tokens: TokenFlags, output: Path, flags: NeuralFlags
) -> None:
    """Train a model of this kind into `output`."""
    from dragoman.training.tasks.languagemodels import start

    base = _base(kind, flags.base)
    if base is not None and tokens != TokenFlags():
        raise UsageError(
            "--from keeps the tokens of the model that is trained further: leave out what they are"
        )
    config = flags.resolve(kind, base).value
    splitter = base.vocabulary.splitter if base is not None else tokens.splitter(lines)
    start(lines, dev, output, config, splitter, flags.session(), base)


def import_bert(directory: Path, output: Path) -> None:
    """A BERT in Hugging Face format into a directory of ours."""
    from dragoman.interop.huggingface import import_bert as read

    vocabulary = read(directory, output)
    say(f"{output}: bert, {len(vocabulary.words):,} tokens")


def _base(kind: str, directory: Path | None) -> LmDirectory | None:
    if directory is None:
        return None
    from dragoman.model.languagemodels import open_lm

    opened = open_lm(directory)
    if opened.kind.name != kind:
        raise UsageError(f"--from {directory} holds a model of kind {opened.kind.name!r}, not {kind!r}")
    return opened


# -- what a BERT can be asked -----------------------------------------------------------------------------------

FILL_USAGE = "dragoman lm fill TEXT -m DIR [OPTIONS]"
FILL_EXAMPLES = 'Examples:\n\n  dragoman lm fill "赶紧[MASK]号" -m runs/bert'
NEXT_USAGE = "dragoman lm next FIRST SECOND -m DIR [OPTIONS]"
NEXT_EXAMPLES = 'Examples:\n\n  dragoman lm next "你好吗？" "我很好，谢谢。" -m runs/bert'
CLASSIFY_USAGE = "dragoman lm classify [TEXT...] -m DIR [--test FILE | --train FILE -o DIR] [OPTIONS]"
CLASSIFY_EXAMPLES = """Examples:

  dragoman lm classify --train train.tsv --dev dev.tsv -m runs/bert -o runs/sentiment

  dragoman lm classify "房间太小。" -m runs/sentiment

  dragoman lm classify --test test.tsv -m runs/sentiment"""


def _bert(directory: Path | None, verb: Verb) -> MaskedLM:
    from dragoman.model.languagemodels import open_lm

    if directory is None:
        raise UsageError(
            "which BERT? Add -m and its directory, such as -m runs/bert; -m lineage/bert came with the program"
        )
    return open_lm(directory).masked(verb)


def fill(
    text: Annotated[str, Parameter(help="a text with one or more [MASK] in it")],
    /,
    *,
    model: BertDirectory = None,
    best: Annotated[int, Parameter(help="guesses for each gap", show_default=True)] = 5,
    format: FormatFlag = "text",
) -> None:
    """What may stand where a text says [MASK], with probabilities. One [MASK] is one token."""
    if best < 1:
        raise UsageError(f"--best {best}: must be at least 1")
    gaps = _bert(model, "fill").fill(text, best)
    if format == "json":
        say_json({"text": text, "gaps": [[asdict(guess) for guess in guesses] for guesses in gaps]})
        return
    for number, guesses in enumerate(gaps, 1):
        for guess in guesses:
            place = f"{number}\t" if len(gaps) > 1 else ""
            say(f"{place}{guess.probability:.4f}\t{guess.token}\t{guess.text}")


def next_sentence(
    first: Annotated[str, Parameter(help="a sentence")],
    second: Annotated[str, Parameter(help="what may come after it")],
    /,
    *,
    model: BertDirectory = None,
    format: FormatFlag = "text",
) -> None:
    """How probable it is that the second sentence comes after the first."""
    bert = _bert(model, "next")
    found = bert.follows(first, second)
    if format == "json":
        say_json({"first": first, "second": second, "probability": found})
        return
    say(f"{found:.4f}")


def classify(
    *text: Annotated[
        str, Parameter(help="texts to label, or standard input; a tab between the two of a pair")
    ],
    model: BertDirectory = None,
    train: Annotated[
        Path | None, Parameter(help="table of text, label or text, second text, label to learn from")
    ] = None,
    test: Annotated[Path | None, Parameter(help="table of the same form to measure on")] = None,
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="directory for the classifier that --train makes"),
    ] = None,
    flags: Annotated[NeuralFlags, Parameter(name="*", group=GROUP)] = NeuralFlags(),  # noqa: B008 - frozen
    format: FormatFlag = "text",
) -> None:
    """Name the class of texts, or of pairs of texts; with --train, teach a BERT the classes first."""
    if train is not None:
        if text or test is not None:
            raise UsageError("--train learns labels: give texts and --test to the classifier that it makes")
        _train_classifier(train, model, output, flags)
        return
    if flags.asked or output is not None:
        given = [*flags.asked, *(["--output"] if output is not None else [])]
        raise UsageError(f"{', '.join(given)} is of use with --train only")
    bert = _bert(model, "classify")
    if test is not None:
        _measure(bert, test, format)
        return
    for line in text or input_lines():
        (label,) = bert.classify([tuple(line.split("\t"))])
        if format == "json":
            say_json({"text": line, "label": label.name, "probability": label.probability})
        else:
            say(f"{label.name}\t{label.probability:.4f}")


def _train_classifier(path: Path, model: Path | None, output: Path | None, flags: NeuralFlags) -> None:
    from dragoman.model.languagemodels import open_lm
    from dragoman.training.tasks.classifier import DEFAULTS, check_labels, hold_out, read_labelled, start

    if output is None:
        raise UsageError("where should the classifier go? Add -o and a directory, such as -o runs/sentiment")
    if flags.base is not None:
        raise UsageError("the model that learns the labels is named with -m, not with --from")
    if model is None:
        raise UsageError("which BERT shall learn the labels? Add -m and its directory, such as -m runs/bert")
    examples = read_labelled(path)
    held = [example for other in flags.dev or () for example in read_labelled(other)]
    if held:
        known = sorted({example.label for example in examples})
        check_labels(", ".join(map(str, flags.dev or ())), held, known)
    else:
        examples, held = hold_out(examples)
    base = open_lm(model).answering("classify")
    resolved = flags.resolve(base.kind.name, base, DEFAULTS)
    if flags.print_config:
        say(explain(resolved).rstrip("\n"))
        return
    start(examples, held, output, resolved.value, base, flags.session())


def _measure(bert: MaskedLM, path: Path, format: str) -> None:
    from dragoman.training.tasks.classifier import check_labels, read_labelled

    examples: list[Example] = read_labelled(path)
    check_labels(str(path), examples, bert.labels)
    said = bert.classify([example.texts for example in examples])
    right = sum(label.name == example.label for label, example in zip(said, examples, strict=True))
    if format == "json":
        say_json({"texts": len(examples), "right": right, "accuracy": right / len(examples)})
        return
    say(f"accuracy {right / len(examples):.4f}: {right:,} of {len(examples):,} texts")
