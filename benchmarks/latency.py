"""How long one sentence takes, warm: `python benchmarks/latency.py [MODEL] [CORPUS]`. Compares with no peer."""

from __future__ import annotations

import statistics
import sys
import time

from dragoman import Translator
from dragoman.text.corpus import read_corpus

WARM_UP, MEASURED = 20, 500


def main(model: str = "en-zh", corpus: str = "corpus/tatoeba/dev.tsv.gz") -> None:
    with Translator.load(model) as translator:
        sources = [pair.source for pair in read_corpus([corpus], *translator.languages)][: WARM_UP + MEASURED]
        seconds = []
        for source in sources:
            started = time.perf_counter()
            translator.translate(source, beam_size=5)
            seconds.append(time.perf_counter() - started)
    cuts = statistics.quantiles(seconds[WARM_UP:], n=20)
    print(
        f"{len(seconds) - WARM_UP} sentences, beam 5: p50 {1000 * cuts[9]:.1f} ms, p95 {1000 * cuts[18]:.1f} ms"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
