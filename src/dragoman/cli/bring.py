"""`dragoman import`: somebody else's model as a model directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dragoman.cli.terminal import tell

USAGE = "dragoman import SOURCE -o DIR [OPTIONS]"
EXAMPLES = """Examples:

  dragoman import opus-mt-en-zh -o models/opus-en-zh

  dragoman import Helsinki-NLP/opus-mt-en-zh -o models/opus-en-zh

  dragoman import translate-en_zh-1_9.argosmodel -o models/argos-en-zh

  dragoman import m2m100_418M -o models/m2m100 --source-lang en --target-lang zh

  dragoman translate "Hello, world." -m models/opus-en-zh"""


def bring(
    source: Annotated[
        Path, Parameter(help="the directory or file of the model, or its name on the Hugging Face hub")
    ],
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"), help="directory of the model that is made")],
    source_lang: Annotated[
        str | None, Parameter(help="language that it reads, where the model does not say so itself")
    ] = None,
    target_lang: Annotated[
        str | None, Parameter(help="language that it writes; of a model of many, the usual one")
    ] = None,
    revision: Annotated[str | None, Parameter(help="branch, tag or commit, of a model of the hub")] = None,
) -> None:
    """Make a model of somebody else's: OPUS-MT (Marian), M2M-100, NLLB, CTranslate2 directories, Argos packages.

    The original is not changed. The numbers stay what they are, and text is cut as the original cuts it.
    """
    from dragoman.errors import UsageError
    from dragoman.interop import hub
    from dragoman.interop.brought import Pair
    from dragoman.interop.importing import bring as make

    name = ""
    if not source.exists() and hub.NAME.fullmatch(source.as_posix()):
        name = source.as_posix()
        source = hub.fetched(name, revision)
    elif revision is not None:
        raise UsageError(f"--revision {revision}: {source} is no model of the Hugging Face hub")
    make(source, output, Pair(source_lang, target_lang, name), tell, name)
    tell(f'try it: dragoman translate -m {output} "..."')
