"""`dragoman align`: the words of sentence pairs, linked. Decides how links are written, not which there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dragoman.cli.flags import Corpus, FormatFlag, ModelFlags
from dragoman.cli.measure import only_direction, pairs_of
from dragoman.cli.reading import DirectionFlags
from dragoman.cli.terminal import counter, say, say_json, tell
from dragoman.errors import UsageError

if TYPE_CHECKING:
    from dragoman.translate.aligning import Gold

_AT_ONCE = 1000  # pairs, whose links are printed before those of the next begin

USAGE = "dragoman align CORPUS... [-m MODEL] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman align corpus/tatoeba/dev.tsv.gz > dev.align

  dragoman align test.de test.en -m runs/de-en --spaces --gold test.gold

  dragoman align pairs.tsv -m runs/both --source-lang zh --target-lang en --format json"""


def align(
    *corpus: Corpus,
    model: Annotated[ModelFlags, Parameter(name="*")] = ModelFlags(),  # noqa: B008 - frozen
    direction: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    spaces: Annotated[
        bool,
        Parameter(
            help="words are what stands between spaces; else each Chinese sign and each stop is one, too"
        ),
    ] = False,
    gold: Annotated[
        Path | None,
        Parameter(
            help="links made by hand, a line for each pair (0-0 1p2: sure, possible): print the error rate"
        ),
    ] = None,
    format: FormatFlag = "text",
) -> None:
    """Link the words of sentence pairs: one line for each, in the format of Pharaoh (0-0 1-2), counted from 0.

    From the model's attention; of a model of both directions, from both.
    """
    from dragoman.translate.aligning import Aligner, error_rate

    translator = only_direction(direction.toward(model.load()), corpus)
    pairs = pairs_of(corpus, translator)[translator.languages]
    known = [] if gold is None else _gold(gold, len(pairs))
    aligner, found = Aligner(translator, spaces), list[set[tuple[int, int]]]()
    with counter("pairs", len(pairs)) as progress:
        for start in range(0, len(pairs), _AT_ONCE):
            some = [(pair.source, pair.target) for pair in pairs[start : start + _AT_ONCE]]
            for one in aligner.align(some):
                if known:
                    known[len(found)].refuse_beyond(one, f"{gold}:{len(found) + 1}")
                found.append({*one.links})
                if format == "json":
                    say_json({"source": one.source, "target": one.target, "links": one.links})
                elif gold is None:
                    say(str(one))
            if progress is not None:
                progress(start + len(some))
    tell(aligner.told)
    if gold is not None:
        error = error_rate(found, known)
        if format == "json":
            say_json({"pairs": len(pairs), "alignment_error_rate": round(error, 4)})
        else:
            say(f"alignment error rate {error:.3f} on {len(pairs):,} pairs")


def _gold(path: Path, pairs: int) -> list[Gold]:
    from dragoman.translate.aligning import Gold

    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"--gold {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"--gold {path} is not UTF-8 (byte {error.start + 1:,}): convert it with iconv"
        ) from error
    if lines[-1] == "":
        lines.pop()
    if len(lines) != pairs:
        raise UsageError(
            f"--gold {path} has {len(lines):,} lines, and the corpus {pairs:,} pairs: one for each"
        )
    return [Gold.read(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
