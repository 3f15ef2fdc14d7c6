"""`dragoman export`: a model for another program. Writes none itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dragoman.cli.terminal import is_utf8, say, tell
from dragoman.errors import UsageError
from dragoman.model.modules import require_torch
from dragoman.processor import uncollected

USAGE = "dragoman export [MODEL] --to FORMAT -o DIR"
EXAMPLES = """Examples:

  dragoman export en-zh --to ctranslate2 -o en-zh-ctranslate2

  dragoman export runs/de-en --to huggingface -o de-en-hf

  dragoman export runs/de-en --to argos -o packages

  dragoman export en-zh --to onnx -o en-zh-onnx"""


def export(
    model: Annotated[str, Parameter(help="a bundled model by name, or a model directory")] = "en-zh",
    /,
    *,
    to: Annotated[
        Literal["huggingface", "ctranslate2", "argos", "onnx"],
        Parameter(help="the format: who is to read it"),
    ],
    output: Annotated[Path, Parameter(name=("--output", "-o"), help="a directory that is new or empty")],
) -> None:
    """Write a model for transformers, CTranslate2, Argos Translate and LibreTranslate, or ONNX Runtime.

    The export is compared with the model, logits and beam search, before it gets its name; if it differs, it is not
    written.
    """
    if not is_utf8(str(output.resolve())):
        raise UsageError(
            f"-o {output}: the programs that read an export open no file whose name is not UTF-8"
        )
    require_torch("an export is compared with its model by torch")
    with uncollected():
        from dragoman.doctor.patient import Patient
        from dragoman.interop.export.writing import export as written
        from dragoman.translate.translator import Translator

        translator = Translator.load(model)
    texts = [translator.prepare(text, "source") for text in Patient(translator).texts]
    names = written(translator.model, to, output, texts)
    tell(f"compared with {model} on {len(texts)} sentences: the same")
    for name in names:
        say(str(output / name))
