"""Programs that stand in for Dragoman, each with a fault, so that the judges of the attacks can be judged. No tests.

A double answers commands with an ending that is given, and serves with a handler that is given. It computes nothing.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from attacks.answers import POLICY
from attacks.commands import TRACEBACK, Ended, Spawner
from attacks.product import Product

from tiny import parts

Words = Sequence[str]
Program = Callable[[Words], Ended]  # what a command comes to
Reply = tuple[int, Any, Mapping[str, str]]  # status, JSON, headers beside those of every answer
Handler = Callable[[str, str, bytes], Reply | None]  # method, path and body; None: as a sound server answers

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
}
OUTPUTS = ("model.safetensors", "model.bin", "dev.tsv")  # of a directory that is written, whatever it is
RESULT = b"the weights that every run has to end with"
SAID = {"text": "狗看见猫。", "flags": []}


def ends(code: int = 0, out: str = "", err: str = "", **more: Any) -> Program:
    """A program that ends like this whatever it is told to do, and does nothing."""
    return lambda words: Ended(words, code, out.encode(), err, 0.01, **more)


PROGRAMS = {
    "does nothing": ends(),
    "refuses everything": ends(1, err="dragoman: this is refused, for a reason that is told"),
    "shows a traceback": ends(1, err=f"{TRACEBACK}\n  ...\nTypeError: no"),
    "fails in silence": ends(1),
    "crashes": ends(-8),
    "hangs": ends(-9, hung=True),
}


def sound(words: Words) -> Ended:
    """A program that does what it is told to."""
    if words[0] == "train":
        path = model_of(words)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():  # a damage
            path.rmdir()
        path.write_bytes(RESULT)
        return Ended(words, 0, b"", "", 0.01)
    if "-o" in words:
        output = Path(words[words.index("-o") + 1])
        output.mkdir(exist_ok=True) if not output.suffix else None
        for path in [output] if output.suffix else [output / name for name in OUTPUTS]:
            path.write_bytes(b"A dog.\t\n")
    return Ended(words, 0, json.dumps(SAID).encode(), "", 0.01)


def model_of(words: Words) -> Path:
    """Where a training is told to write its model."""
    return Path(words[words.index("-o") + 1], "model.safetensors")


def as_sound(method: str, path: str, body: bytes) -> Reply:
    """What a server without a fault answers."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        asked = None
    if method == "GET" and path in ("/health", "/api/models"):
        return 200, {"status": "ok", "files": [".txt", ".srt"]}, {}
    if path == "/translate_file":
        return 200, {"translatedFileUrl": "x"}, {}
    if path == "/api/translate" and isinstance(asked, dict) and isinstance(asked.get("text"), str):
        return 200, {"translations": [{"text": asked["text"].upper()}]}, {}
    return 400, {"error": "it is not what it should be"}, {}


class Stand(Spawner):
    """In the place of a process that runs commands and servers."""

    def __init__(self, program: Program, handler: Handler | None) -> None:
        self._program, self._handler = program, handler
        self.log = ""  # what the server has written since it listens
        self._server: ThreadingHTTPServer | None = None
        self.pid = 0

    def begin(self, words: Words, **named: Any) -> int:
        self._words, self.pid = words, os.getpid()
        if words[0] == "serve" and self._handler is not None:
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self._handler))
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self.pid

    def end(self, seconds: float = 0.0) -> Ended:
        self.pid = 0
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        return self._program(self._words)

    def kill(self, number: int = 0) -> None:
        """There is no process."""

    def close(self) -> None:
        self.end() if self._server is not None else None

    def said(self) -> str:
        if self._server is None:
            return ""
        return f"http://127.0.0.1:{self._server.server_address[1]}/\n{self.log}"


def _answering(handler: Handler) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        timeout = 0.3  # seconds for a client that says no more

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                self.reply(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.close_connection = True

        def reply(self, body: bytes) -> None:
            found = handler(self.command, self.path, body) or as_sound(self.command, self.path, body)
            status, said, headers = found
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**HEADERS, "Content-Length": str(len(data)), **headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """A test shows what failed by itself."""

    return Answering


class Double(Product):
    """A product that is not there: files of a run, with `program` and `handler` behind them.

    handler: None for a server that never comes up.
    """

    def __init__(self, program: Program = sound, handler: Handler | None = lambda *asked: None) -> None:
        super().__init__()
        self._program, self._handler = program, handler

    def spawner(self, *also: str) -> Stand:
        return Stand(self._program, self._handler)

    @cached_property
    def servers(self) -> Stand:
        return self.spawner()

    def alone(self, words: Words, **named: Any) -> Ended:
        return self._program(words)

    @cached_property
    def finished(self) -> Path:
        run = self.folder / "finished"
        for path in (
            "checkpoints/latest",
            "data/data.json",
            "data/tokenizer.model",
            "model.safetensors",
            "log.jsonl",
        ):
            self._write(run / path, RESULT if path == "model.safetensors" else b"{}")
        for step in ("step-00000003", "step-00000006"):
            for name in ("manifest.json", "state.json"):
                self._write(run / "checkpoints" / step / name, b"{}")
        calls = ["open x", "mkdir checkpoints/step-00000000.tmp-1", "write", "replace"]
        self.undisturbed = Ended(["train"], 0, b"", "", 0.01, calls=calls)
        return run

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    @property
    def interrupted(self) -> Path:  # type: ignore[override]
        return self.finished

    @property
    def exported(self) -> Path:  # type: ignore[override]
        return self.finished

    @cached_property
    def model(self) -> Path:
        return parts().write(self.folder / "model")
