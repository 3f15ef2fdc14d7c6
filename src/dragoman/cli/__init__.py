"""The command line: `main`, and what each ending of a command means. The verbs stand in the files beside this one.

Exit codes: 0 done, 1 failed, 2 the user's words were off, 130 interrupted, 141 the reader of the output went away.
A verb imports what it needs when it runs, so that --help is quick and translating never loads torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

import dragoman
from dragoman.cli import corpora, explain, health, measure, models, serve, train, translate
from dragoman.cli.terminal import prepare_streams, settle_output, tell
from dragoman.errors import DragomanError

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
app.command(explain.explain, usage=explain.USAGE, help_epilogue=explain.EXAMPLES)
app.command(corpora.data)
app.command(models.models, usage=models.USAGE, help_epilogue=models.EXAMPLES)
app.command(serve.serve)
app.command(health.health, usage=health.USAGE, help_epilogue=health.EXAMPLES)
app.command(
    "dragoman.cli.lm:lm", name="lm", help="Language models: how probable a text is, what may come next."
)
app.command(
    "dragoman.cli.words:words",
    name="words",
    help="Words as vectors: learn them, ask who is near whom, draw them.",
)

# The packages that come with an extra of ours, by the name they are imported under.
_EXTRAS = {
    "matplotlib": "plot",
    "numba": "words",
    "torch": "train",
    "opencc": "zh",
    "zstandard": "zst",
    "starlette": "serve",
    "uvicorn": "serve",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what went wrong is told in one sentence on standard error."""
    prepare_streams()
    try:
        code = app(
            sys.argv[1:] if arguments is None else arguments,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()
        return int(code or 0)
    except CycloptsError as error:
        return _fail(f"{' '.join(str(error).split())} (--help shows what there is)", 2)
    except DragomanError as error:
        return _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        return _fail(
            f"this needs {error.name}, which is not installed: make install, or pip install 'dragoman[{extra}]'",
            1,
        )
    except BrokenPipeError:
        settle_output()
        return 141  # as the shell reports of any program that SIGPIPE ended
    except OSError as error:
        settle_output()
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)


def _fail(message: str, code: int) -> int:
    tell(f"dragoman: {message}")
    return code
