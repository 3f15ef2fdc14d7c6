"""How often a short text is taken for another language, by our detector and by libraries. Detects nothing itself.

`python -m benchmarks detection`. Lingua takes part where it is installed (`pip install lingua-language-detector`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from benchmarks.comparison import say
from dragoman.text.detection import likeliest

SENTENCES = Path("tests/text/detection/sentences.tsv")  # code, text: 25 in each of twelve languages
Guess = Callable[[str], str | None]


def main(
    sentences: Annotated[Path, Parameter(help="a table of code and text")] = SENTENCES,
    show: Annotated[bool, Parameter(help="also each text that was taken for another language")] = False,
) -> None:
    """Which detector is right more often on short texts, and how long it takes."""
    lines = sentences.read_text(encoding="utf-8").splitlines()
    rows = [(code, text) for code, text in (line.split("\t") for line in lines)]
    codes = list(dict.fromkeys(code for code, _ in rows))
    say(
        f"{len(rows)} texts in {len(codes)} languages, {sum(len(text) for _, text in rows) / len(rows):.0f} characters"
    )
    for name, guess in _detectors(codes):
        guess("hello")  # the first one unpacks its statistics
        started = time.perf_counter()
        wrong = [(code, found, text) for code, text in rows if (found := guess(text)) != code]
        each = (time.perf_counter() - started) / len(rows) * 1000
        where = ", ".join(f"{code} {count}" for code, count in Counter(code for code, _, _ in wrong).items())
        say(f"{name:<42} {len(wrong):>3} wrong ({len(wrong) / len(rows):5.1%})  {each:6.2f} ms  {where}")
        for code, found, text in wrong if show else ():
            say(f"    {code} taken for {found}: {text}")


def _detectors(codes: list[str]) -> Iterator[tuple[str, Guess]]:
    yield "dragoman, any language", _ours([])
    yield f"dragoman, these {len(codes)} known", _ours(codes)
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    library = LanguageIdentifier.from_model_file(MODEL_FILE)
    yield "py3langid, any language", lambda text: library.classify(text)[0]
    try:
        import lingua
    except ImportError:
        return
    builder: Any = lingua.LanguageDetectorBuilder
    yield "lingua, any language, low accuracy", _lingua(builder.from_all_languages().with_low_accuracy_mode())
    yield "lingua, any language", _lingua(builder.from_all_languages())


def _ours(known: list[str]) -> Guess:
    return lambda text: found.language if (found := likeliest(text, known)) else None


def _lingua(builder: Any) -> Guess:
    detector = builder.build()

    def guess(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else None

    return guess
