"""One worker: a process that opens a job and does one shard after another. Knows nothing of other workers.

Standard input and output carry a JSON object a line: in, a job and then shards; out, how far it is and what came of
it. It ends with its standard input, even in the middle of a shard: whoever asked is gone then.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any

from dragoman.errors import DragomanError
from dragoman.files import FULL
from dragoman.scale.jobs import job_of
from dragoman.scale.shards import Shard

_EVERY = 0.5  # seconds between two words of how far it is


def refusal(error: Exception) -> dict[str, Any] | None:
    """What is said of an error that another try would meet too; None for a fault of ours."""
    if isinstance(error, DragomanError):
        return {"error": str(error), "code": error.exit_code}
    if isinstance(error, MemoryError):
        return {"error": f"not enough memory: ask for fewer workers ({error})", "code": 1}
    if isinstance(error, OSError):
        word = f"{error.filename or 'input or output'}: {error.strerror or error}"
        return {"error": word, "code": 1, "full": error.errno in FULL}
    return None


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    asked: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()

    def answer(word: dict[str, Any]) -> None:
        answers.write(json.dumps(word) + "\n")
        answers.flush()

    try:
        first = asked.get()
        work = job_of(first["job"]).opened(first["threads"])
        answer({"ready": True})
        while True:
            shard = asked.get()
            result = _one(work, Shard(tuple(shard["inputs"]), shard["output"]), answer)
            answer(result)
    except Exception as error:
        if (word := refusal(error)) is None:
            raise
        answer(word)


def _one(work: Any, shard: Shard, answer: Any) -> dict[str, Any]:
    said = time.monotonic()

    def progress(done: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _EVERY:
            said = time.monotonic()
            answer({"progress": done})

    try:
        return {"done": work(shard, progress)}
    except Exception as error:
        if (word := refusal(error)) is None:
            raise
        return word


def _listen(asked: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        asked.put(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main()
