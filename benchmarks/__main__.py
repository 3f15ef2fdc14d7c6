"""`python -m benchmarks`: one command a question. Measures nothing itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from benchmarks import (
    augmenting,
    detection,
    few_pairs,
    kept,
    latency,
    ngram,
    optimizers,
    peers,
    quality,
    ranks,
    report,
    scaling,
    threads,
    train,
    translate,
    words,
    worth,
)
from benchmarks.alternate import ArmFailed
from benchmarks.comparison import say
from dragoman.errors import DragomanError

app = App(
    "benchmarks",
    help="Dragoman measured against its peers, in turn, on this machine.",
    usage="python -m benchmarks COMMAND ...",
    help_format="plaintext",
    default_parameter=Parameter(negative_bool=(), negative_iterable=(), show_default=True),
    result_action="return_value",
)


def install() -> None:
    """Install the peers into their own environment, .bench-venv."""
    say(f"the peers are ready: {peers.install()}")


app.command(install)
app.command(train.main, name="train")
app.command(translate.main, name="translate")
app.command(latency.main, name="latency")
app.command(kept.main, name="kept")
app.command(quality.main, name="quality")
app.command(few_pairs.main, name="small-data")
app.command(scaling.main, name="scaling")
app.command(optimizers.main, name="optimizers")
app.command(threads.main, name="threads")
app.command(ranks.main, name="ranks")
app.command(detection.main, name="detection")
app.command(ngram.main, name="ngram")
app.command(words.main, name="words")
app.command(worth.main, name="worth")
app.command(augmenting.main, name="augment")
app.command(report.main, name="report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _fail(f"{' '.join(str(error).split())} (--help shows what there is)", 2)
    except DragomanError as error:
        return _fail(str(error), error.exit_code)
    except ArmFailed as error:
        return _fail(str(error), 1)
    except subprocess.CalledProcessError as error:
        return _fail(f"the peers could not be installed: {error}", 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(message: str, code: int) -> int:
    say(f"benchmarks: {message}")
    return code


if __name__ == "__main__":
    sys.exit(main())
