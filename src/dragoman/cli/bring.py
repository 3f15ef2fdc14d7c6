"""`dragoman import`: somebody else's model as a model directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.terminal import tell

USAGE = "dragoman import SOURCE -o DIR [OPTIONS]"
EXAMPLES = """Examples:

  dragoman import opus-mt-en-zh -o models/opus-en-zh

  dragoman import m2m100_418M -o models/m2m100 --source-lang en --target-lang zh

  dragoman translate "Hello, world." -m models/opus-en-zh"""


def bring(
    source: Annotated[Path, Parameter(help="the directory or file of the model")],
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"), help="directory of the model that is made")],
    source_lang: Annotated[
        str | None, Parameter(help="language that it reads, where the model does not say so itself")
    ] = None,
    target_lang: Annotated[
        str | None, Parameter(help="language that it writes; of a model of many, the usual one")
    ] = None,
) -> None:
    """Make a model of somebody else's: OPUS-MT (Marian), M2M-100, NLLB.

    The original is not changed. The numbers stay what they are, and text is cut as the original cuts it.
    """
    from dragoman.interop.brought import Pair
    from dragoman.interop.importing import bring as make

    make(source, output, Pair(source_lang, target_lang), tell)
    tell(f'try it: dragoman translate -m {output} "..."')
