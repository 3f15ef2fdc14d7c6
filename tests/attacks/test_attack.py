"""The harness: what is counted, when it ends, what is told of a failure, and the table. Attacks nothing."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attacks.__main__ import ATTACKS, NAMES, PAGES, SLOW_TO_BEGIN, main, selected
from attacks.attack import Budget, Fault, NotTried, Trials, Try, halves
from attacks.report import BEGIN, END, as_json, markdown, table, write_into
from attacks.runner import Outcome, attempted, run


def trials(try_: Try[int], named: tuple[int, ...] = ()) -> Trials[None, int]:
    """Whole numbers below a thousand; a smaller case is a smaller number."""

    @contextmanager
    def stage(subject: None) -> Iterator[Try[int]]:
        yield try_

    return Trials(
        "numbers", "a promise", stage, lambda rng: rng.randrange(1000), named, lambda n: range(n // 2, n), str
    )


def budget(cases: int) -> Budget:
    return Budget(cases, itertools.count().__next__)


def found(attack: Trials[None, int], cases: int = 50) -> Outcome:
    counts = attempted(attack, None, budget(cases), random.Random(1))
    return Outcome(attack.name, attack.promise, counts, 1.0)


def odd(case: int) -> Fault | None:
    return Fault(f"{case} is odd") if case % 2 else None


def test_a_case_of_a_failure_can_be_tried_again_alone() -> None:
    examples = found(trials(odd)).counts.examples
    seed = examples[0].seed
    assert seed is not None
    again = trials(odd).run(None, budget(50), random.Random(99), only=seed)
    assert (again.tried, again.failed) == (1, 1)


def test_the_least_case_is_told_and_one_of_each_kind() -> None:
    counts = found(trials(lambda case: Fault(f"{case} is large") if case > 90 else None)).counts
    assert counts.failed > 20
    assert len(counts.examples) == 1
    assert 90 < int(counts.examples[0].input) < 200


def test_every_named_case_is_tried_and_drawn_ones_between_them() -> None:
    seen: list[int] = []
    found(trials(lambda case: seen.append(case), named=(2001, 2002, 2003)), cases=6)  # type: ignore[func-returns-value]
    assert {2001, 2002, 2003} <= set(seen[:5])
    assert min(seen[:2]) < 1000


def test_what_was_not_tried_counts_neither_way_and_nothing_tried_is_a_failure() -> None:
    def only_even(case: int) -> Fault | None:
        if case % 2:
            raise NotTried
        return None

    def never(case: int) -> Fault | None:
        raise NotTried

    assert 0 < found(trials(only_even)).counts.tried < 50
    counts = found(trials(never)).counts
    assert counts.failed and "tried nothing" in counts.examples[0].fault


def test_an_attack_that_breaks_down_has_failed() -> None:
    def broken(case: int) -> Fault | None:
        raise ZeroDivisionError("no")

    counts = found(trials(broken)).counts
    assert counts.failed and "ZeroDivisionError" in counts.examples[0].fault


def test_a_seed_gives_the_same_cases_whatever_else_is_run() -> None:
    def cases(attacks: int) -> list[int]:
        seen: list[int] = []
        named = [trials(lambda case: seen.append(case)) for _ in range(attacks)]  # type: ignore[func-returns-value]
        run(named, None, 7, 0.0)
        return seen

    assert cases(2)[0] == cases(1)[0]


def test_halves_are_smaller_and_stop() -> None:
    assert all(len(part) < 100 for part in halves(b"a" * 100))
    assert list(halves(b"")) == []


# -- the table --------------------------------------------------------------------------------------------------


def test_the_table_shows_failures_as_data() -> None:
    """What failed is text of any kind: no order to the terminal, and no cell of its own in the guide."""
    failed = found(trials(lambda case: Fault("[red]| <b> \x1b[2J\n")))
    assert "\x1b" not in markdown([failed], 1)
    assert len(markdown([failed], 1).splitlines()) == 5
    assert table([failed], 1).row_count == 1
    assert json.loads(as_json([failed], 1))["attacks"][0]["failed"] == failed.counts.failed


def test_a_table_is_put_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_into(page, "new")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize(("page", "chinese"), PAGES)
def test_the_guide_says_of_every_attack_what_it_promises(page: Path, chinese: bool) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []
    assert text.count(BEGIN) == text.count(END) == 1


# -- the command line -------------------------------------------------------------------------------------------


def test_the_help_lists_every_attack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert [name for name in NAMES if f"{name}: " not in said] == []


@pytest.mark.parametrize(
    "words",
    [
        ["--only", "none"],
        ["--case", "1"],
        ["--only", "http", "kills", "--case", "1"],
        *(["--minutes", minutes] for minutes in ("x", "0", "-1", "nan", "inf")),
        ["--write", "--only", "imports"],  # which left one line of the guide's table
        ["--write", "--small"],
    ],
)
def test_slips_are_refused_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert len(capsys.readouterr().err.splitlines()) < 4


def test_small_leaves_out_what_is_slow_to_begin() -> None:
    assert {attack.name for attack in ATTACKS} - {
        attack.name for attack in selected(None, None, True)
    } == set(SLOW_TO_BEGIN)
    assert [attack.name for attack in selected(["http"], 3, True)] == ["http"]
