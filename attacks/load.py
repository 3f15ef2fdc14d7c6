"""Many clients at once, slow ones, a server told to stop meanwhile: each gets the answer that it would get alone."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from attacks.attack import Fault, Trials, Try
from attacks.product import NOUNS, VERBS, Product
from attacks.service import Service, open_socket, serving

CLIENTS = 16
LONGEST_WAIT = 5.0  # seconds for one sentence, on a busy machine
PROCESSES = 2
REPLACED = 15.0  # seconds for another process in the place of one that died, on a busy machine
ENDING = 30.0  # seconds for a server that was told to stop


def sentences(rng: random.Random, count: int) -> list[str]:
    """Short and long ones, some of them alike."""
    nouns, verbs = sorted(NOUNS), sorted(VERBS)
    found = []
    for _ in range(count):
        clauses = [f"The {rng.choice(nouns)} {rng.choice(verbs)} a {rng.choice(nouns)}" for _ in range(3)]
        found.append(". ".join(clauses[: rng.randint(1, 3)]) + ".")
    return found


def asked(service: Service, text: str) -> str | None:
    """What a text is translated to; None where there was no answer."""
    try:
        answer = service.post("/api/translate", {"text": text, "source": "en", "target": "zh"})
    except TimeoutError:
        return None
    return str(json.loads(answer.body)["translations"][0]["text"]) if answer.status == 200 else None


def at_once(
    texts: Sequence[str], ask: Callable[[str], str | None], clients: int
) -> dict[str, set[str | None]]:
    """The answers to each text when so many clients ask for all of them, each in an order of its own."""
    found: dict[str, set[str | None]] = {text: set() for text in texts}

    def client(number: int) -> None:
        for text in random.Random(number).sample(list(found), len(found)):
            found[text].add(ask(text))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@dataclass(frozen=True)
class Crowd:
    """Clients that ask for the same sentences at once; beside them `slow` ones that never end their request."""

    texts: tuple[str, ...]
    clients: int = CLIENTS
    slow: int = 0

    def __str__(self) -> str:
        slow = f", beside {self.slow} slow ones" if self.slow else ""
        return f"{self.clients} clients{slow}: {' | '.join(self.texts)}"


def drawn(rng: random.Random) -> Crowd:
    return Crowd(tuple(sentences(rng, 8)), rng.choice((2, 8, 16, 32)), rng.choice((0, 0, 0, 100)))


@contextmanager
def crowd(product: Product) -> Iterator[Try[Crowd]]:
    with serving(product, "--slowest", "3") as service:

        def try_(case: Crowd) -> Fault | None:
            alone = {text: asked(service, text) for text in case.texts}
            with ExitStack() as stack:
                for _ in range(case.slow):
                    connection = stack.enter_context(open_socket(service))
                    connection.sendall(b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Le")
                began = time.monotonic()
                found = at_once(case.texts, lambda text: asked(service, text), case.clients)
                each = (time.monotonic() - began) / len(case.texts)
            for text, answers in found.items():
                if answers != {alone[text]}:
                    return Fault(f"{len(answers)} answers to {text!r}: {sorted(map(str, answers))[:3]}")
            if each > LONGEST_WAIT:
                return Fault(f"{each:.1f} s for a sentence")
            return None

        yield try_


def smaller(case: Crowd) -> Iterator[Crowd]:
    if case.slow:
        yield replace(case, slow=0)
    if case.clients > 2:
        yield replace(case, clients=case.clients // 2)
    if len(case.texts) > 1:
        yield replace(case, texts=case.texts[: len(case.texts) // 2])
        yield replace(case, texts=case.texts[len(case.texts) // 2 :])


LOAD: Trials[Product, Crowd] = Trials(
    "load",
    "each of many clients gets the answer that it would get alone, also beside clients that never end their request",
    crowd, drawn, (Crowd(("The dog sees a cat.",), 2, 200),), smaller, str, share=1.5,
)  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """A server that gets a signal while requests are in its hands."""

    texts: tuple[str, ...]
    signal: int
    pause: float  # seconds between the last request and the signal

    def __str__(self) -> str:
        return f"{signal.Signals(self.signal).name} {self.pause:.2f} s after {len(self.texts)} requests"


def drawn_ending(rng: random.Random) -> Ending:
    texts = tuple(sentences(rng, rng.choice((1, 5, 20))))
    return Ending(texts, rng.choice((signal.SIGTERM, signal.SIGINT)), rng.random() / 2)


def all_of_it(service: Service, text: str, sent: threading.Barrier, answers: list[str]) -> None:
    """A client that sends its request, waits until the others have sent theirs, and reads to the end."""
    body = json.dumps({"text": f"{text} " * 20, "source": "en", "target": "zh"}).encode()
    head = "POST /api/translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
    received = b""
    with open_socket(service) as connection:
        connection.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body)
        sent.wait()
        try:
            while part := connection.recv(65_536):
                received += part
        except OSError:
            pass  # it was hung up on: what has come so far tells
    answers.append(received.decode(errors="replace"))


@contextmanager
def end_at_work(product: Product) -> Iterator[Try[Ending]]:
    def try_(case: Ending) -> Fault | None:
        with serving(product) as service:
            answers: list[str] = []
            sent = threading.Barrier(len(case.texts) + 1)
            threads = [
                threading.Thread(target=all_of_it, args=(service, text, sent, answers)) for text in case.texts
            ]
            for thread in threads:
                thread.start()
            sent.wait()
            time.sleep(0.2 + case.pause)  # until all of them are accepted
            ended = service.stop(case.signal, ENDING)
            for thread in threads:
                thread.join()
        whole = sum(answer.startswith("HTTP/1.1 200") for answer in answers)
        if whole < len(case.texts):
            return Fault(f"{len(case.texts) - whole} of {len(case.texts)} requests were not answered")
        return Fault(f"exit {ended.code}: {ended.last[-200:]}") if ended.code or ended.hung else None

    yield try_


ENDINGS: Trials[Product, Ending] = Trials(
    "endings",
    "a server that is told to stop answers what it has accepted, and ends",
    end_at_work, drawn_ending, (),
    lambda case: [replace(case, texts=case.texts[:1])] if len(case.texts) > 1 else [], str,
)  # fmt: skip


@dataclass(frozen=True)
class Crash:
    """One of several processes that serve dies while clients ask."""

    texts: tuple[str, ...]
    clients: int
    pause: float  # seconds after which it is killed

    def __str__(self) -> str:
        return f"kill -9 of one process after {self.pause:.2f} s, beside {self.clients} clients"


def drawn_crash(rng: random.Random) -> Crash:
    return Crash(tuple(sentences(rng, 30)), rng.choice((1, 4, 8)), rng.random() / 2)


@contextmanager
def crash(product: Product) -> Iterator[Try[Crash]]:
    with serving(product, "--workers", str(PROCESSES)) as service:

        def try_(case: Crash) -> Fault | None:
            alone = {text: asked(service, text) for text in case.texts}
            if len(service.children) < PROCESSES:
                return Fault(f"it has {len(service.children)} processes instead of {PROCESSES}")
            victim = service.children[0]
            timer = threading.Timer(case.pause, os.kill, (victim, signal.SIGKILL))
            timer.start()
            found = at_once(case.texts, lambda text: asked(service, text), case.clients)
            timer.join()
            for text, answers in found.items():
                if wrong := answers - {alone[text], None}:  # None: the connection broke with the process
                    return Fault(f"{text!r} was translated to {wrong}")
            until = time.monotonic() + REPLACED
            while victim in service.children or len(service.children) < PROCESSES:
                if time.monotonic() > until:
                    return Fault(f"the process was not replaced within {REPLACED:.0f} s")
                time.sleep(0.1)
            lost = [text for text in case.texts[:3] if asked(service, text) != alone[text]]
            return Fault(f"after it, {lost[0]!r} is not translated as before") if lost else None

        yield try_


CRASHES: Trials[Product, Crash] = Trials(
    "crashes",
    "a process of several that serve is replaced when it dies; others are served meanwhile, and no answer is wrong",
    crash, drawn_crash, (), show=str, share=0.5,
)  # fmt: skip
