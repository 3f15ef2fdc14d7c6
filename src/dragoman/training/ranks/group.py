"""The processes that torchrun started, and what they tell each other. Knows no model and no run.

Words (JSON) go through the store of torchrun's rendezvous, where waiting may last as long as the other is alive;
numbers go through collectives, which all ranks begin within TIMEOUT of each other.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from threading import Event, Thread
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from dragoman.errors import TrainingError, UsageError
from dragoman.training.ranks.store import BoundedStore

TIMEOUT = 120.0  # seconds that a collective waits for the slowest rank
SILENCE = 60.0  # seconds without a sign of life after which a rank is given up
_BEAT = 2.0  # seconds between signs of life
_QUICK, _SLOW = 0.001, 0.05  # seconds between two looks for a word, at first and at last

_VARIABLES = "torchrun sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; unset WORLD_SIZE to train alone"

Message = Mapping[str, Any]


class Ranks:
    """This process and the others; rank 0 leads, the others do what it says."""

    def __init__(self, store: Any, rank: int, size: int, local: int) -> None:
        """`local`: the number of this process on its host."""
        self.rank, self.size, self.local = rank, size, local
        self.lost = False  # whether the others are gone
        self.sent = 0  # bytes of gradients and weights that this rank has sent, by the ring algorithm's count
        self._store = BoundedStore(store, SILENCE)
        self._said, self._gathered = 0, 0
        self._seen: dict[int, tuple[bytes, float]] = {}
        self._look_again = 0.0
        self._over = Event()
        self._beating = Thread(target=self._beat, daemon=True)
        self._beating.start()
        atexit.register(self._leave)

    @property
    def leads(self) -> bool:
        """Whether this is the rank that decides, writes and speaks."""
        return self.rank == 0

    # -- words ------------------------------------------------------------------------------------------------

    def say(self, do: str, **more: Any) -> None:
        """Rank 0: what all others shall do next."""
        self._said += 1
        self._put(f"said/{self._said}", {"do": do, **more})
        if self._said > 64:  # read by all: each of so many messages ends in something done together
            self._store.delete_key(f"said/{self._said - 64}")

    def heard(self) -> Message:
        """The others: the next thing that rank 0 says."""
        self._said += 1
        return self._get(f"said/{self._said}", 0)

    def report(self, found: Message) -> None:
        """The others: an answer to rank 0."""
        self._gathered += 1
        self._put(f"answer/{self._gathered}/{self.rank}", found)

    def answers(self) -> list[Message]:
        """Rank 0: the answers of all others, in the order of their ranks."""
        self._gathered += 1
        found = []
        for rank in range(1, self.size):
            key = f"answer/{self._gathered}/{rank}"
            found.append(self._get(key, rank))
            self._store.delete_key(key)
        return found

    @contextmanager
    def telling(self) -> Iterator[None]:
        """The others: let whoever waits for this rank know what ended it."""
        try:
            yield
        except BaseException as error:
            with suppress(TrainingError):  # nobody is there to be told
                self._put(f"failed/{self.rank}", {"why": _reason(error)})
            raise

    def done(self, what: str) -> None:
        """Let `follows` of the same words pass on other ranks; once more where a recipe has stages."""
        self._put(f"done/{self._said}/{what}/{self.rank}", {})

    def follows(self, rank: int, what: str) -> None:
        """Wait until that rank is done with it."""
        self._get(f"done/{self._said}/{what}/{rank}", rank)

    def _put(self, key: str, message: Message) -> None:
        with self._told():
            self._store.set(key, json.dumps(dict(message)))

    def _get(self, key: str, owner: int) -> Message:
        """What `owner` puts there, as soon as it does. Raises TrainingError when it gives no sign of life."""
        pause = _QUICK
        with self._told():
            while not self._store.check([key]):
                self._check_alive(owner)
                time.sleep(pause)
                pause = min(1.1 * pause, _SLOW)
            found: Message = json.loads(self._store.get(key))
            return found

    def _check_alive(self, rank: int) -> None:
        now, key = time.monotonic(), f"alive/{rank}"
        if now < self._look_again:
            return
        self._look_again = now + _BEAT
        if self._store.check([f"failed/{rank}"]):
            why = json.loads(self._store.get(f"failed/{rank}"))["why"]
            raise TrainingError(f"rank {rank} has failed, and the group ends: {why}")
        sign = self._store.get(key) if self._store.check([key]) else b""
        before, since = self._seen.get(rank, (b"", now))
        self._seen[rank] = sign, now if sign != before or rank not in self._seen else since
        if now - self._seen[rank][1] > SILENCE:
            raise TrainingError(f"rank {rank} has given no sign of life for {SILENCE:.0f} s: the group ends")

    def _beat(self) -> None:
        number = 0
        while not self._over.wait(_BEAT if number else 0):
            number += 1
            try:
                self._store.set(f"alive/{self.rank}", str(number))
            except (RuntimeError, OSError):  # the store is gone: whoever waits for a word is told
                return

    # -- numbers ----------------------------------------------------------------------------------------------

    def add_up(self, *tensors: Tensor) -> None:
        """Each tensor [...] becomes the sum of those of all ranks, the same to the bit on each."""
        with self._told():
            for tensor in tensors:
                dist.all_reduce(tensor)
                self.sent += 2 * (self.size - 1) * tensor.numel() * tensor.element_size() // self.size

    def add_up_places(self, flat: Tensor, places: Sequence[slice]) -> None:
        """The place of each rank in flat [P] becomes, on that rank, the sum of those of all; the rest stays.

        In round k a rank gives to the k-th after it and takes from the k-th before it, so that all send at once, no
        more than (R - 1) / R of the vector, and add in an order that is the same in every run.
        """
        own = flat[places[self.rank]]
        arriving = torch.empty_like(own)
        with self._told():
            for k in range(1, self.size):
                to, by = (self.rank + k) % self.size, (self.rank - k) % self.size
                leaving = flat[places[to]]
                exchange = [dist.P2POp(dist.isend, leaving, to)] if leaving.numel() else []
                exchange += [dist.P2POp(dist.irecv, arriving, by)] if own.numel() else []
                for one in dist.batch_isend_irecv(exchange) if exchange else ():
                    one.wait()
                own.add_(arriving)
                self.sent += leaving.numel() * leaving.element_size()

    def give_places(self, flat: Tensor, places: Sequence[slice]) -> None:
        """The place of each rank in flat [P] becomes, on all ranks, what it is on that rank."""
        flat = flat.view(torch.uint8)  # gloo knows no bf16
        width = flat.numel() // max(places[-1].stop, 1)
        with self._told():
            running = [
                dist.broadcast(flat[width * place.start : width * place.stop], rank, async_op=True)
                for rank, place in enumerate(places)
                if place.start < place.stop
            ]
            for one in running:
                one.wait()
        own = places[self.rank]
        self.sent += (self.size - 1) * width * (own.stop - own.start)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Each tensor [...] becomes that of rank 0."""
        with self._told():
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def send(self, tensor: Tensor, rank: int) -> None:
        """Give a tensor [...] to a rank that receives it."""
        if tensor.numel():
            with self._told():
                dist.send(tensor, rank)

    def receive(self, tensor: Tensor, rank: int) -> None:
        """Fill a tensor [...] with what that rank sends."""
        if tensor.numel():
            with self._told():
                dist.recv(tensor, rank)

    # -- the end ----------------------------------------------------------------------------------------------

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with _told(self.rank):
                yield
        except TrainingError:
            self.lost = True
            raise

    def _leave(self) -> None:
        """A thread that is within torch when Python ends lets the process end with a signal.

        Ours is waited for. Those of torch that wait for a host that has vanished cannot be: then nothing is taken down.
        """
        self._over.set()
        self._beating.join(_BEAT)
        if self.lost:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(1)


def _reason(error: BaseException) -> str:
    """In one line; of what the system says the words, without the number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error).partition("\n")[0] or type(error).__name__


def _first_line(error: BaseException) -> str:
    return re.sub(r"^\[\S+\]\s*", "", str(error).strip().partition("\n")[0])[:200].rstrip(".")


@contextmanager
def _told(rank: int) -> Iterator[None]:
    """What torch raises when another rank is gone, as one line."""
    try:
        yield
    except (
        RuntimeError,
        OSError,
    ) as error:  # DistBackendError, DistNetworkError and gloo's own are of this kind
        raise TrainingError(
            f"rank {rank} has lost the others ({_first_line(error)}). With --max-restarts torchrun starts them again, "
            "and they go on from the last checkpoint"
        ) from error


@contextmanager
def _meeting(rank: int, size: int) -> Iterator[None]:
    """What torch raises when the ranks do not find each other, as one line."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise TrainingError(
            f"rank {rank} of {size} has not met the others at {place} ({_first_line(error)}): rank 0 listens there, "
            "and each must reach it, and be told the same MASTER_ADDR, MASTER_PORT and WORLD_SIZE"
        ) from error


def check_variables(variables: Mapping[str, str]) -> tuple[int, int] | None:
    """Rank and number of ranks, as torchrun or a person has set them; None for a process that trains alone.

    Raises UsageError for what no group could be made of: one would wait for the others, or train as if alone.
    """
    if variables.get("WORLD_SIZE", "") in ("", "0", "1"):
        return None
    size = _within("WORLD_SIZE", 2, 65_536, variables)
    rank = _within("RANK", 0, size - 1, variables)
    _within("MASTER_PORT", 0, 65_535, variables)
    if not variables.get("MASTER_ADDR"):
        raise UsageError(f"WORLD_SIZE is {size}, and MASTER_ADDR is not set: {_VARIABLES}")
    return rank, size


def _within(name: str, least: int, most: int, variables: Mapping[str, str]) -> int:
    value = variables.get(name, "")
    if value.isdecimal() and least <= int(value) <= most:
        return int(value)
    found = (
        f"{name} is {value!r}, and should be from {least:,} to {most:,}" if value else f"{name} is not set"
    )
    size = "" if name == "WORLD_SIZE" else f"WORLD_SIZE is {variables['WORLD_SIZE']}, and "
    raise UsageError(f"{size}{found}: {_VARIABLES}")


@cache
def joined() -> Ranks | None:
    """The group that torchrun started this process in; None where it did not. Raises TrainingError, UsageError."""
    place = check_variables(os.environ)
    if place is None or not dist.is_available():
        return None
    (rank, size), attempt = place, os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    with _meeting(rank, size):
        store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=TIMEOUT)))
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(_number("LOCAL_RANK") % torch.cuda.device_count())
        dist.init_process_group(
            backend, store=PrefixStore(f"numbers/{attempt}", store), rank=rank, world_size=size,
            timeout=timedelta(seconds=TIMEOUT),
        )  # fmt: skip
        # The store outlives the processes: what an earlier group said there is not meant for this one.
        name = torch.tensor([secrets.randbits(62)])
        dist.broadcast(name, 0)
    return Ranks(PrefixStore(f"words/{int(name)}", store), rank, size, _number("LOCAL_RANK"))


def restarted() -> bool:
    """Whether torchrun started this process in place of one that ended."""
    return _number("TORCHELASTIC_RESTART_COUNT") > 0 and _number("WORLD_SIZE") > 0


def is_follower() -> bool:
    """Whether this process is one of several and not the first, which speaks for all."""
    return _number("WORLD_SIZE") > 1 and _number("RANK") > 0


def _number(name: str) -> int:
    value = os.environ.get(name, "0")
    return int(value) if value.isdecimal() else 0
