"""One file read, cut and put together again, in a process with bounds of its own. Loads no model and opens no file.

Who asks stands at the other end of two pipes (frames.py) and translates. A file that takes too much time or memory
ends this process, and no other.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO

from dragoman.documents.files import translate_file
from dragoman.documents.frames import Frame, Task, as_json, place_of, read, texts_of, write
from dragoman.errors import UsageError

NICE = 10  # behind whatever answers people who wait


def answer(asked: BinaryIO, told: BinaryIO, confined: bool = False) -> None:
    """Read one task and its file from `asked`, and tell the outcome. Raises EOFError where the asker is gone.

    confined: whether this process is put within the bounds of the task, for good.
    """
    task = Task(**json.loads(read(asked, Frame.TASK)))
    if confined:
        confine(task)
    data = read(asked, Frame.FILE)
    try:
        write(told, Frame.DONE, _translated(task, data, asked, told))
    except UsageError as error:
        write(told, Frame.REFUSED, as_json(str(error)))
    except MemoryError:
        # Whatever held the memory is gone with the frames that were left.
        write(told, Frame.REFUSED, as_json(too_much_memory(task.memory)))
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:
        write(told, Frame.FAILED, as_json(place_of(error)))


def _translated(task: Task, data: bytes, asked: BinaryIO, told: BinaryIO) -> bytes:
    return translate_file(task.name, data, _Asking(task, asked, told), task.source, task.target)


def confine(task: Task) -> None:
    """Bound what this process may take, where the system can, and let others go first."""
    gc.disable()  # a million tokens are looked through again and again for cycles, of which they have none
    with suppress(OSError, AttributeError):
        os.nice(NICE)
    try:
        import resource
    except ImportError:  # not on every system; the deadline holds there too
        return
    bounds = (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (
            resource.RLIMIT_CPU,
            task.seconds,
            task.seconds + 1,
        ),  # at the first SIGXCPU comes, at the second SIGKILL
        (resource.RLIMIT_AS, task.memory, task.memory),
    )
    for limit, soft, hard in bounds:
        with suppress(OSError, ValueError):  # macOS knows RLIMIT_AS and does not set it
            _, most = resource.getrlimit(limit)
            if most != resource.RLIM_INFINITY:
                soft, hard = min(soft, most), min(hard, most)
            resource.setrlimit(limit, (soft, hard))


def too_much_memory(most: int) -> str:
    return f"the file needs more than {most:,} bytes of memory to be read: divide it"


class _Asking:
    """Texts go out in portions, and come back translated. What has no words, and what comes again, is not sent."""

    def __init__(self, task: Task, asked: BinaryIO, told: BinaryIO) -> None:
        self._task, self._asked, self._told = task, asked, told

    def __call__(self, texts: list[str]) -> list[str]:
        found = {text: text for text in texts if not text or text.isspace()}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for portion in portions(missing, self._task.items, self._task.characters):
            write(self._told, Frame.TEXTS, as_json(portion))
            written = texts_of(read(self._asked, Frame.TRANSLATED), len(portion))
            found.update(zip(portion, written, strict=True))
        return [found[text] for text in texts]


def portions(texts: Sequence[str], items: int, characters: int) -> Iterator[list[str]]:
    """Texts as so many requests: a file takes no more room and no more time at once than any other of them.

    Raises UsageError for a text that no request may hold.
    """
    portion: list[str] = []
    held = 0
    for text in texts:
        if len(text) > characters:
            raise UsageError(
                f"a paragraph of the file has {len(text):,} characters, and at most {characters:,} are translated at "
                "once: divide it"
            )
        if portion and (len(portion) == items or held + len(text) > characters):
            yield portion
            portion, held = [], 0
        portion.append(text)
        held += len(text)
    if portion:
        yield portion
