"""torchrun's store with a bound on each answer. Knows no ranks and no messages.

A request to the store whose host has vanished waits in the kernel, without a limit of its own and where no signal and
no exception reaches it: the cable may be cut between any two requests. So one thread asks and the caller waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any


class _Question:
    """One request: what is asked, and what came of it."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.ask = ask
        self.found: Any = None
        self.error: Exception | None = None
        self.answered = Event()


class BoundedStore:
    """The four requests that ranks make. Each raises TimeoutError after `seconds` without an answer."""

    def __init__(self, store: Any, seconds: float) -> None:
        """`store`: a torch.distributed.Store."""
        self.seconds = seconds
        self._store = store
        self._questions: SimpleQueue[_Question] = SimpleQueue()
        # Not an executor: Python joins the threads of one at its end, and this one may never come back.
        Thread(target=self._answer, daemon=True).start()

    def set(self, key: str, value: str) -> None:
        """Put a value there, in place of what was."""
        self._ask(lambda: self._store.set(key, value))

    def get(self, key: str) -> bytes:
        """What is there, as soon as it is."""
        found: bytes = self._ask(lambda: self._store.get(key))
        return found

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all of them are there."""
        return bool(self._ask(lambda: self._store.check(list(keys))))

    def delete_key(self, key: str) -> None:
        """Take it away, if it is there."""
        self._ask(lambda: self._store.delete_key(key))

    def _ask(self, ask: Callable[[], Any]) -> Any:
        question = _Question(ask)
        self._questions.put(question)
        if not question.answered.wait(self.seconds):
            raise TimeoutError(f"the store of the group has not answered for {self.seconds:.0f} s")
        if question.error is not None:
            raise question.error
        return question.found

    def _answer(self) -> None:
        while True:
            question = self._questions.get()
            try:
                question.found = question.ask()
            except Exception as error:  # whatever torch raises belongs to who asked
                question.error = error
            question.answered.set()
