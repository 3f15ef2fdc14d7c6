"""The page of the ladder: tables and two drawings from what was measured. Runs nothing, adds no number of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import drawing

Result = dict[str, Any]

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
        names["perplexity"]: drawing.bars([(r["title"], r["perplexity_per_character"]) for r in models]),
        names["bleu_by_length"]: drawing.lines(
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
