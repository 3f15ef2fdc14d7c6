"""Directories of one kind with one odd thing in them each, opened and used one after another. Judges nothing.

    python odd_directories.py DIRECTORY KIND ENGINE SEED PART

Run as a program of its own: what it looks for ends programs. Before each directory its name is printed, then what
came of it: `ok`, or the sentence that a person would read. Whatever else is raised ends it with a traceback.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from dragoman.config import dump_toml
from dragoman.errors import DragomanError
from dragoman.lineage.kinds import kind_of
from dragoman.model import directory, languagemodels
from dragoman.model.contents import CONFIG, read_files
from dragoman.model.fields import Field
from dragoman.model.kinds import TRANSLATORS
from dragoman.transformer.positions import ENCODINGS
from dragoman.typed import toml_value

SECONDS = 60  # of the processor for one directory; the slowest takes a second
TEXT = "The small dog sees a tree. My cat likes the house!"
CHINESE = "我看见小狗"
MANY_DIGITS = "9" * 5000
# As TOML, and as JSON where it is that too.
VALUES = (
    "0", "-1", "1", "2", "3", "7", "1000", "1000000", "1073741824", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "1" + "0" * 30, MANY_DIGITS, "0.0", "-0.0", "0.5", "1.0", "1e-308", "1e308", "-1e308",
    "nan", "inf", "-inf", "true", "false", '""', '"x"', '"none"', '"\\u0000"', '"' + "x" * 100_000 + '"', "[]", "[1]",
    '["a"]', "{}", "[" * 60 + "]" * 60, "1979-05-27", "0x7fffffffffffffff", "16", "32",
)  # fmt: skip
CONFIGS: dict[str, bytes] = {
    "empty": b"",
    "NUL": b"\0" * 100,
    "UTF-16": "[model]\nkind = 'transformer'\n".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf[model]\nkind = 'transformer'\n",
    "deep lists": b"x = " + b"[" * 100_000,
    "deep tables": b"x = " + b"{a = " * 50_000,
    "a deep key": b".".join([b"a"] * 100_000) + b" = 1\n",
    "a deep section": b"[" + b".".join([b"a"] * 100_000) + b"]\n",
    "many sections": b"".join(b"[a%d]\n" % n for n in range(100_000)),
    "a long text": b"x = '" + b"x" * 2_000_000 + b"'\n",
    "a section twice": b"[model]\n[model]\n",
    "no TOML": b"<model/>",
    "a section that is none": b"model = 3\n",
    "many digits": b"[model]\nkind = " + MANY_DIGITS.encode(),
}


def fields(kind: str) -> tuple[Field, ...]:
    if kind.endswith("translator"):
        return directory.fields(TRANSLATORS[kind.split(",")[0]])
    return languagemodels.fields(kind_of(kind))


def odd_configs(kind: str, whole: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Every field with every value, every field left out, and pairs of values at random."""
    config, asked = tomllib.loads(whole.decode()), fields(kind)
    yield "as it is", whole
    yield from CONFIGS.items()
    for field in asked:
        yield f"{field.name} left out", _written(config, {(field.section, field.key): None})
        for value in values(field):
            yield f"{field.name} = {value[:30]}", _written(config, {(field.section, field.key): value})
    draw = random.Random(seed)
    for _ in range(200):
        some = {(field.section, field.key): draw.choice(values(field)) for field in draw.sample(asked, 2)}
        yield (
            " ".join(f"{'.'.join(name)} = {value[:30]}" for name, value in some.items()),
            _written(config, some),
        )


def values(field: Field) -> tuple[str, ...]:
    """The odd ones, and those that are right."""
    choices = get_args(field.kind) if get_origin(field.kind) is Literal else ()
    if field.name == "model.positions":
        choices = tuple(ENCODINGS)
    return (*VALUES, *(toml_value(choice) for choice in choices))


def _written(config: Mapping[str, Mapping[str, Any]], changes: Mapping[tuple[str, str], str | None]) -> bytes:
    sections = {name: dict(values) for name, values in config.items()}
    for number, ((section, key), value) in enumerate(changes.items()):
        sections.setdefault(section, {}).pop(key, None)
        if value is not None:
            sections[section][key] = f"<{number}>"
    text = dump_toml(sections)
    for number, value in enumerate(changes.values()):
        text = text.replace(f'"<{number}>"', value or "")
    return text.encode()


def use(path: Path, kind: str, engine: str) -> None:
    """Open the directory, and ask of it what its kind can do."""
    if kind.endswith("translator"):
        from dragoman.translate.translator import Translator

        name, _, compute_type = engine.partition(" ")
        model = directory.open_model(path)
        with Translator(model, name, compute_type=compute_type or None, workers=1) as translator:  # type: ignore[arg-type]
            translator.translate([TEXT, ""], alignments=True)
        return
    found = languagemodels.open_lm(path)
    if "perplexity" in found.kind.verbs:
        lm = found.language_model()
        lm.score([CHINESE, ""])
        lm.sample(CHINESE, 5, 1.0, 1)
    if "fill" in found.kind.verbs:
        masked = found.masked()
        masked.fill(f"{CHINESE}[MASK]", 3)


def main(path: str, kind: str, engine: str, seed: str) -> None:
    whole = read_files(Path(path))
    for name, config in odd_configs(kind, whole[CONFIG], int(seed)):
        for module in (directory, languagemodels):
            module.read_files = lambda path, verify=True, config=config: {**whole, CONFIG: config}  # type: ignore[attr-defined]
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # which ends the program
        print(repr(name), end="\t", flush=True)
        with contextlib.suppress(BrokenPipeError):
            try:
                use(Path(path), kind, engine)
                print("ok", flush=True)
            except DragomanError as error:
                print(repr(str(error)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
