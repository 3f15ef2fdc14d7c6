"""The verbs of the command line, by name; each stands in a file beside this one. Ends no process.

A verb imports what it needs when it runs, so that --help is quick and translating never loads torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from cyclopts import App, CycloptsError, Parameter

import dragoman
from dragoman.bounds import beginning
from dragoman.cli import (
    align,
    bring,
    corpora,
    doctor,
    explain,
    export,
    health,
    lineage,
    measure,
    models,
    serve,
    synthesize,
    train,
    translate,
)
from dragoman.cli.bulk import with_address
from dragoman.cli.language import Help, of_the_call
from dragoman.cli.terminal import STANDARD_OUTPUT, flush
from dragoman.errors import UsageError
from dragoman.files import naming

app = App(
    "dragoman",
    help="A Transformer translator: train it, measure it, translate with it.",
    help_epilogue=(
        "Examples:\n\n"
        '  dragoman translate "Are you OK ?"\n\n'
        "  dragoman train train.de train.en --dev val.de val.en -o runs/de-en\n\n"
        "  dragoman evaluate test.de test.en -m runs/de-en\n\n"
        "Each command has a --help of its own."
    ),
    usage="dragoman COMMAND ...",
    version=dragoman.__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative_bool=(), negative_iterable=(), show_default=False),
    suppress_keyboard_interrupt=False,
)
app.command(translate.translate, usage=translate.USAGE, help_epilogue=translate.EXAMPLES)
app.command(train.train, usage=train.USAGE, help_epilogue=train.EXAMPLES)
app.command(measure.evaluate, usage=measure.EVALUATE_USAGE, help_epilogue=measure.EVALUATE_EXAMPLES)
app.command(measure.score, usage=measure.SCORE_USAGE, help_epilogue=measure.SCORE_EXAMPLES)
app.command(align.align, usage=align.USAGE, help_epilogue=align.EXAMPLES)
app.command(explain.explain, usage=explain.USAGE, help_epilogue=explain.EXAMPLES)
app.command(doctor.doctor, usage=doctor.USAGE, help_epilogue=doctor.EXAMPLES)
app.command(export.export, usage=export.USAGE, help_epilogue=export.EXAMPLES)
corpora.data.command(
    synthesize.translate, usage=synthesize.USAGE, help_epilogue=synthesize.EXAMPLES, name="translate"
)
app.command(corpora.data)
app.command(bring.bring, name="import", usage=bring.USAGE, help_epilogue=bring.EXAMPLES)
app.command(models.models)
app.command(serve.serve)
app.command(health.health, usage=health.USAGE, help_epilogue=health.EXAMPLES)
app.command(
    "dragoman.cli.lm:lm", name="lm", help="Language models: how probable a text is, what may come next."
)
app.command(lineage.lineage, usage=lineage.USAGE, help_epilogue=lineage.EXAMPLES)
app.command(
    "dragoman.cli.digits:digits",
    name="digits",
    help="Beyond text: read handwritten digits off an image, with the same Transformer.",
)
app.command(
    "dragoman.cli.words:words",
    name="words",
    help="Words as vectors: learn them, ask who is near whom, draw them.",
)


def run(arguments: Sequence[str]) -> int:
    """One command; its exit code. Raises what ended it."""
    # Set anew for each call: where several are made, as in tests, none speaks the language of the one before.
    app.help_formatter = Help(of_the_call(arguments))
    only_says = not arguments or not {"--help", "-h", "--version"}.isdisjoint(arguments)
    try:
        if "" in arguments:
            _refuse_empty_names(arguments)
        with naming(STANDARD_OUTPUT) if only_says else nullcontext():
            code = app(
                with_address(arguments), exit_on_error=False, print_error=False, result_action="return_value"
            )
    except SystemExit as error:
        if not only_says:
            raise
        raise BrokenPipeError from error  # what rich ends with for a reader of the help that went away
    except CycloptsError as error:
        said = " ".join(beginning(word) for word in str(error).split())
        raise UsageError(f"{said} (--help shows what there is)") from error
    flush()
    return int(code or 0)


def _refuse_empty_names(arguments: Sequence[str]) -> None:
    """Raises UsageError for a file named "", as a shell's variable is that was never set: Path("") is where one is."""
    _, apps, words = app.parse_commands(arguments)
    named = [one for one in apps[-1].assemble_argument_collection() if "Path" in str(one.hint)]
    options = {name for one in named for name in one.names}
    last = ""  # the option that a word belongs to
    for word in words:
        last = word if word.startswith("-") else last
        if word == "" and (last in options or (not last and any(one.index is not None for one in named))):
            raise UsageError(
                f"{last or 'a file'} has an empty name, as a shell gives it of a variable that is not set: name it"
            )
