"""The page of the ladder: tables and two drawings from what was measured. Runs nothing, adds no number of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

Result = dict[str, Any]

_COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#9c6b4e")
_WIDTH, _LEFT, _RIGHT, _ROW = 720, 190, 60, 30

_PAGE = """# The ladder, measured

Each system below was trained on the bundled corpus and measured on the same text. `make lineage` does all of it again
and writes this page; what each system is, and what problem it solved, stands in the guide.

Machine: {machine}. Minutes and tokens a second are those of that machine with that load; together the runs took
{minutes:.0f} minutes.

These are short runs, and none is near its best: what a Transformer comes to that is trained to the end stands in the
card of the bundled model (`dragoman models en-zh`). Read the rows as who learns how fast, not as who is best.

## Language models: how surprised each is by Chinese

Trained on the Chinese side of the corpus, in the subwords of the bundled model; measured on the Chinese side of both
dev sets. Per character, so that models of other vocabularies could stand in the same table; lower is better. The
neural models keep the weights that were best on 1,000 lines held out of the training text, never on the dev text; the
n-grams are counted in those lines too. Minutes include the looks at the held-out lines. AdamW trains all but GPT, whose
matrices Muon trains.

{models}

![Perplexity per character]({perplexity})

BERT stands in no table of perplexities: it reads both sides, fills blanks and writes nothing. Beside the four it is
measured by the blanks that it fills, `dragoman lineage`, and by what it is worth to a classifier, in [its
page](guide/lineage/bert.md).

## Translation: English to Chinese

The same pairs, vocabulary, batches, number of steps, dropout and schedule for each; beam of 5. BLEU and chrF by
sacreBLEU (`{bleu}`; `{chrf}`). AdamW trains all, but for the Transformer whose row says Muon: that
optimiser makes the updates of a layer's matrices orthogonal, and knows no recurrent cells here.

{translators}

By length of the English sentence, in words:

{lengths}

![BLEU by source length]({bleu_by_length})

{reading}

## word2vec: who stands near whom

{neighbours}

## The commands

```
{commands}
```
"""


def write(results: Sequence[Result], machine: dict[str, Any], stem: str) -> tuple[str, dict[str, str]]:
    """The page, and its drawings by file name."""
    models = [result for result in results if result["task"] == "language model"]
    translators = [result for result in results if result["task"] == "translation"]
    names = {"perplexity": f"{stem}-perplexity.svg", "bleu_by_length": f"{stem}-length.svg"}
    drawings = {
        names["perplexity"]: bars([(r["title"], r["perplexity_per_character"]) for r in models]),
        names["bleu_by_length"]: lines(
            {r["title"]: [one["bleu"] for one in r["by_length"]] for r in translators},
            [one["words"] for one in translators[0]["by_length"]] if translators else [],
        ),
    }
    text = _PAGE.format(
        machine=_machine(machine),
        minutes=sum(r["seconds"] for r in results) / 60,
        models=_table(
            ["system", "perplexity a character", "a subword", "parameters", "tokens/s", "minutes"],
            [
                [
                    r["title"],
                    f"{r['perplexity_per_character']:.2f}",
                    f"{r['perplexity_per_token']:.1f}",
                    *_costs(r),
                ]
                for r in models
            ],
        ),
        translators=_table(
            ["system", "BLEU", "chrF", "parameters", "target tokens/s", "minutes"],
            [[r["title"], f"{r['bleu']:.1f}", f"{r['chrf']:.1f}", *_costs(r)] for r in translators],
        ),
        lengths=_by_length(translators),
        reading=reading(translators),
        bleu=next((r["bleu_signature"] for r in translators), "-"),
        chrf=next((r["chrf_signature"] for r in translators), "-"),
        neighbours=_neighbours([r for r in results if r["task"] == "words"]),
        commands="\n".join(r["command"] for r in results),
        **names,
    )
    return text, drawings


def _machine(about: dict[str, Any]) -> str:
    return f"{about['processor']}, {about['cores']} cores, load {about.get('load_before', 0):g} before"


def _costs(result: Result) -> list[str]:
    return [
        f"{result['parameters']:,}", f"{result['tokens_per_second']:,.0f}", f"{result['seconds'] / 60:.1f}"
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; all columns but the first are numbers."""
    if not rows:
        return "Not measured yet."
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _by_length(translators: Sequence[Result]) -> str:
    if not translators:
        return _table([], [])
    classes = translators[0]["by_length"]
    head = ["BLEU / chrF", *(f"{one['words']} ({one['pairs']:,})" for one in classes)]
    return _table(
        head,
        [
            [r["title"], *(f"{one['bleu']:.1f} / {one['chrf']:.1f}" for one in r["by_length"])]
            for r in translators
        ],
    )


def reading(translators: Sequence[Result]) -> str:
    """What the curves do between the class they are best in and the longest sentences: told, not judged."""
    told = []
    for result in translators:
        scores = [one["bleu"] for one in result["by_length"]]
        if not scores or max(scores) == 0:
            continue
        best = max(range(len(scores)), key=scores.__getitem__)
        kept = 100 * scores[-1] / scores[best]
        told.append(
            f"- {result['title']}: {scores[best]:.1f} BLEU at {result['by_length'][best]['words']} words, "
            f"{scores[-1]:.1f} at {result['by_length'][-1]['words']}, which is {kept:.0f} % of it."
        )
    return "\n".join(told)


def _neighbours(results: Sequence[Result]) -> str:
    if not results:
        return _table([], [])
    (result,) = results
    rows = [
        [word, ", ".join(f"{near.strip('▁') or '▁'} {cosine:.2f}" for near, cosine in found)]
        for word, found in result["neighbours"].items()
    ]
    return "\n".join(
        ["| word | nearest, with the cosine |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
    )


# -- drawings ---------------------------------------------------------------------------------------------------


def bars(values: Sequence[tuple[str, float]]) -> str:
    """One bar a value, with its number, from 0."""
    longest = max((value for _, value in values), default=1.0)
    room = _WIDTH - _LEFT - _RIGHT
    parts = []
    for i, (name, value) in enumerate(values):
        y = 10 + i * _ROW
        width = room * value / longest
        parts += [
            _text(_LEFT - 8, y + 16, name, "end"),
            f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="18" fill="{_COLOURS[0]}"/>',
            _text(_LEFT + width + 6, y + 16, f"{value:.2f}"),
        ]
    return _svg(20 + _ROW * len(values), parts)


def lines(
    series: dict[str, list[float]], classes: Sequence[str], what: str = "words of the English sentence"
) -> str:
    """One line a system over the classes, from 0. what: the classes are."""
    top, bottom, most = 20, 300, max((max(values) for values in series.values()), default=1.0) or 1.0
    left, right = 50, _WIDTH - 200
    step = (right - left) / max(len(classes) - 1, 1)
    at = lambda i, value: (left + i * step, bottom - (bottom - top) * value / most)  # noqa: E731
    parts = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#888"/>']
    parts += [_text(left + i * step, bottom + 18, name, "middle") for i, name in enumerate(classes)]
    parts += [_text((left + right) / 2, bottom + 38, what, "middle")]
    parts += [_text(left - 6, at(0, tick)[1] + 4, f"{tick:.0f}", "end") for tick in _ticks(most)]
    for number, (name, values) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [at(i, value) for i, value in enumerate(values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y = top + 20 * number
        parts.append(f'<rect x="{right + 16}" y="{y - 9}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(right + 34, y + 2, name))
    return _svg(bottom + 50, parts)


def _ticks(most: float) -> list[float]:
    """Four to eight round numbers from 0."""
    step = next(step for step in (1, 2, 5, 10, 20, 50) if most / step <= 8 or step == 50)
    return [step * i for i in range(int(most // step) + 1)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    style = "text{font:13px sans-serif;fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}">'
    return "\n".join((head, f"<style>{style}</style>", *parts, "</svg>", ""))
