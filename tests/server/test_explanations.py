"""Looking inside, in a process of its own: what nobody waits for stops, and the next one is answered."""

from __future__ import annotations

import asyncio
import io
import signal
import time
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import pytest

from dragoman.documents import frames
from dragoman.documents.frames import Frame
from dragoman.errors import ModelError, UsageError
from dragoman.server import explanations as explanations_module
from dragoman.server import tracing
from dragoman.server.explanations import WAITING, Explanations
from dragoman.server.gate.refusals import Refusal
from dragoman.server.tracing import Model, TraceTask
from dragoman.translate.translator import Translator

TEXT = "The red dog sees my house."


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that are started."""
    found: list[Process] = []
    start = explanations_module.start

    async def noted(*arguments: Any) -> Process:
        found.append(await start(*arguments))
        return found[-1]

    monkeypatch.setattr(explanations_module, "start", noted)
    return found


@pytest.fixture
def task(tiny_model: Path) -> TraceTask:
    return TraceTask(str(tiny_model), "auto", "cpu", None, TEXT)


@pytest.mark.slow(reason="torch is loaded three times, which is what a trace that was ended costs")
def test_what_nobody_waits_for_is_ended_and_the_next_is_answered(
    task: TraceTask, started: list[Process]
) -> None:
    """A trace that had missed its deadline went on, and looking inside was refused to everybody for minutes."""

    async def story() -> None:
        running = Explanations()
        with pytest.raises(Refusal, match="no answer within 0.2 seconds"):
            await running.trace(task, 0.2)
        assert started[0].returncode == -signal.SIGKILL
        left = asyncio.create_task(running.trace(task))
        while len(started) < 2:
            await asyncio.sleep(0.01)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert started[1].returncode == -signal.SIGKILL
        assert b'"dragoman.trace"' in await running.trace(task)
        began = time.monotonic()
        assert b'"dragoman.trace"' in await running.trace(task)
        assert time.monotonic() - began < 10  # torch is loaded
        with pytest.raises(UsageError, match="empty"):
            await running.trace(TraceTask(task.path, "auto", "cpu", None, " "))
        with pytest.raises(UsageError, match="64 at most"):
            await running.trace(TraceTask(task.path, "auto", "cpu", None, "\U0001d538" * 100))
        assert len(started) == 3  # refusing ends nothing
        started[2].kill()
        with pytest.raises(Refusal, match="broken off"):
            await running.trace(task)
        await running.close()
        assert {one.returncode for one in started} == {-signal.SIGKILL}

    asyncio.run(story())


def test_one_at_a_time_and_few_that_wait(task: TraceTask, started: list[Process]) -> None:
    async def story() -> None:
        running = Explanations()
        waiting = [asyncio.create_task(running.trace(task, 0.5)) for _ in range(WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="busy"):
            await running.trace(task)
        assert all(isinstance(one, Refusal) for one in await asyncio.gather(*waiting, return_exceptions=True))
        assert len(started) <= 2  # the second may come between the ends of two waits
        await running.close()

    asyncio.run(story())


class TestOtherEnd:
    """What runs in the process, run here."""

    def told(self, task: TraceTask, model: Any) -> tuple[Frame, bytes]:
        asked, told = io.BytesIO(), io.BytesIO()
        frames.write(asked, Frame.TASK, frames.as_json(vars(task)))
        asked.seek(0)
        tracing.answer(asked, told, model)
        told.seek(0)
        kind, length = frames.read_head(told.read(frames.HEAD.size))
        return kind, told.read(length)

    def test_a_trace(self, task: TraceTask) -> None:
        kind, found = self.told(task, Model())
        assert kind is Frame.DONE
        assert b'"dragoman.trace"' in found

    def test_a_model_is_opened_once_and_again_when_it_is_replaced(self, task: TraceTask) -> None:
        model = Model()
        first = model(task)
        assert model(task) is first
        manifest = Path(task.path) / "manifest.json"
        data = manifest.read_bytes()
        manifest.with_suffix(".new").write_bytes(data)
        manifest.with_suffix(".new").replace(manifest)
        assert model(task) is not first

    @pytest.mark.parametrize(
        "error, kind, said",
        [
            (UsageError("the text is empty"), Frame.REFUSED, b"the text is empty"),
            (ModuleNotFoundError("no torch", name="torch"), Frame.MISSING, b"torch"),
            (ModelError("en-zh is damaged"), Frame.FAILED, b"en-zh is damaged"),
            (ArithmeticError("my secret"), Frame.FAILED, b"ArithmeticError at"),
            (FileNotFoundError("my secret"), Frame.FAILED, b"FileNotFoundError at"),
        ],
    )
    def test_what_fails(self, task: TraceTask, error: Exception, kind: Frame, said: bytes) -> None:
        def fails(_: TraceTask) -> Translator:
            raise error

        found, told = self.told(task, fails)
        assert found is kind
        assert said in told
        assert b"secret" not in told

    @pytest.mark.parametrize("kind, status", [(Frame.MISSING, 501), (Frame.FAILED, 500)])
    def test_how_it_is_refused(self, kind: Frame, status: int) -> None:
        with pytest.raises(Refusal) as refused:
            explanations_module._outcome(kind, b'"torch"')
        assert refused.value.status == status
