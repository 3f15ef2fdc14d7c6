"""Blocks worked on by several processes come out as one process makes them, whatever becomes of the others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest

from dragoman.corpus import cleaning, processes
from dragoman.corpus.cleaning import CleaningConfig, CleaningReport, clean
from dragoman.corpus.encoding import Encoding, block_of, encoding, rows_of
from dragoman.corpus.heldout import leaks
from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.corpus.processes import Kind, in_order
from dragoman.corpus.suspicions import LOT
from dragoman.model.directory import find_model

CORPORA = Path(__file__).parents[2] / "corpus"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are started after the first block, and blocks are small."""
    monkeypatch.setattr(processes, "ALONE", 1)
    monkeypatch.setattr(cleaning, "AT_ONCE", 2 * LOT)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """With a pair of every kind that cleaning leaves out, and the same pairs in other blocks."""
    good = list(islice(read_corpus([CORPORA / "tatoeba/train.tsv.gz"], "en", "zh"), 2500))
    bad = [
        Pair("", "空"),
        Pair("same", "same"),
        Pair("a\ufffd", "一"),
        Pair("你好", "hello"),
        Pair("x" * 2000, "长"),
    ]
    odd = [Pair("  two  spaces\n", "软件\t測試\u2028", "from\tsomebody"), Pair("half \ud800", "一半")]
    return [*good[:1500], *bad, *odd, *good[1000:], *good[:10]]


def cleaned(pairs: list[Pair], count: int) -> tuple[list[Pair], str, list[tuple[Pair, str]]]:
    report, rejected = CleaningReport(), list[tuple[Pair, str]]()
    config = CleaningConfig(simplify="target")
    put = lambda pair, rule: rejected.append((pair, rule))
    kept = list(clean(pairs, config, "en", "zh", report, put, processes=count))
    return kept, str(report), rejected


def test_cleaning_is_the_same_with_any_number(pairs: list[Pair]) -> None:
    one = cleaned(pairs, 1)
    assert {rule for _, rule in one[2]} >= {
        "empty",
        "copy",
        "garbled",
        "wrong_script",
        "too_long",
        "duplicate",
    }
    assert cleaned(pairs, 2) == one


def test_a_first_pair_is_kept_and_later_ones_are_not(pairs: list[Pair]) -> None:
    """As a set of all keys would have it."""
    config, seen, expected = CleaningConfig(), set(), []
    for pair in clean(pairs, CleaningConfig(drop_duplicates=False), "en", "zh"):
        if (sides := (pair.source, pair.target)) not in seen:
            expected.append(pair)
        seen.add(sides)
    assert list(clean(pairs, config, "en", "zh")) == expected


def test_leaks_are_found_by_any_number(pairs: list[Pair]) -> None:
    held_out = [Pair(one.source.upper(), one.target) for one in pairs[1400:1500]] + [Pair("never", "从不")]
    assert leaks(pairs, held_out, 2) == leaks(pairs, held_out) == 100


def test_ids_are_the_same_in_another_process(pairs: list[Pair]) -> None:
    (model,) = find_model("en-zh-tiny").glob("tokenizer.model")
    texts = [(one.source, one.target) for one in pairs[:300]]
    plain = {3: ("As it was.", "原来的。"), 5: ("So.", "如此。")}
    blocks = [block_of(texts, plain, [[5]] * 300, (at, at + 1)) for at in range(4)]
    before = [[[4]] * 150 + [[5, 6]] * 150]
    blocks += [block_of(texts, {}, before[0], (7, 8))]
    kind = Encoding({"joint": model.read_bytes()}, ("en", "zh"), 0.3, 40).kind
    here = [rows_of(answer) for answer in map(encoding(kind.settings), blocks)]
    there = [rows_of(answer) for answer in in_order(kind, blocks, 2)]
    assert [[part.tolist() for part in one] for one in here] == [
        [part.tolist() for part in one] for one in there
    ]
    ids, ends = here[-1]
    first = ids[: ends[0]].tolist()
    assert first[0] == 4 and ids[ends[-3] :][:2].tolist() == [5, 6]


# -- what becomes of workers ----------------------------------------------------------------------------------------


def numbering(settings: Any) -> processes.Work:
    """What a block is times `settings`, and in which process; -1 is refused, and -2 kills whoever else does it."""

    def work(block: Any) -> Any:
        if block == -1:
            raise ValueError("minus one")
        if block == -2 and os.getpid() != settings[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return [settings[0] * block, os.getpid()]

    return work


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Of this file, which workers find by its name."""
    folder, name = Path(__file__).parent, Path(__file__).stem
    real = processes.subprocess.Popen

    def with_tests(*words: Any, env: dict[str, str], **more: Any) -> Any:
        return real(*words, env={**env, "PYTHONPATH": f"{env['PYTHONPATH']}:{folder}"}, **more)

    monkeypatch.setattr(processes.subprocess, "Popen", with_tests)
    monkeypatch.setattr(numbering, "__module__", name)
    return Kind(numbering, [10, os.getpid()])


def test_answers_are_in_order_and_from_elsewhere(kind: Kind) -> None:
    found = list(in_order(kind, range(40), 2))
    assert [value for value, _ in found] == [10 * number for number in range(40)]
    assert found[0][1] == os.getpid() and len({process for _, process in found[1:]} - {os.getpid()}) == 2


def test_few_blocks_start_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ALONE", 5)
    found = list(in_order(Kind(numbering, [1, 0]), range(5), 2))
    assert {process for _, process in found} == {os.getpid()}


def test_what_a_worker_that_dies_was_given_is_done_here(kind: Kind) -> None:
    blocks = [*range(6), -2, *range(6, 12), -2, *range(12, 20)]
    assert [value for value, _ in in_order(kind, blocks, 2)] == [10 * block for block in blocks]


def test_an_error_is_told_as_if_there_were_no_workers(kind: Kind) -> None:
    with pytest.raises(ValueError, match="minus one"):
        list(in_order(kind, [*range(6), -1, *range(6)], 2))


def test_whoever_stops_early_leaves_no_worker_and_reads_little_ahead(kind: Kind) -> None:
    read = 0

    def blocks() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    answers = in_order(kind, blocks(), 2)
    workers = {process for _, process in islice(answers, 1, 12)}
    answers.close()
    assert read < 12 + 2 * 2 + 2
    assert not [one for one in workers - {os.getpid()} if Path(f"/proc/{one}").exists()]


def test_without_processes_to_be_had_it_is_done_here(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    def none(*_: Any, **__: Any) -> Any:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(processes.subprocess, "Popen", none)
    found = list(in_order(kind, range(9), 2))
    assert [value for value, _ in found] == [10 * number for number in range(9)]
    assert {*chain(process for _, process in found)} == {os.getpid()}
