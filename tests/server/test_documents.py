"""Files in processes of their own: the same answer, bounds that hold, and no process that outlives its asker."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.documents import frames, process
from dragoman.documents.files import FORMATS, translate_file
from dragoman.documents.frames import Frame, Task
from dragoman.errors import UsageError
from dragoman.server import documents as documents_module
from dragoman.server.documents import WAITING, Documents
from dragoman.server.gate.refusals import Refusal
from dragoman.server.settings import Limits
from server.live import Server, serving

TEXT = "The red dog sees my house."
Translate = Callable[[list[str]], Awaitable[list[str]]]


def docx(paragraphs: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:document><w:body>{paragraphs}</w:body></w:document>")
    return packed.getvalue()


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


FILES = {
    ".txt": f"{TEXT}\r\n\r\n  \n{TEXT}\nA café, 你好".encode(),
    ".srt": f"1\n00:00:01,000 --> 00:00:02,000\n{TEXT}\nA cat.\n\n".encode(),
    ".vtt": f"WEBVTT\n\n00:01.000 --> 00:02.000\n{TEXT}\nA cat.\n".encode(),
    ".html": f"<p>{TEXT} <b>A cat</b>.</p><pre>code</pre>".encode(),
    ".htm": b"<h1>A dog</h1>",
    ".xhtml": b"<h1>A dog</h1>",
    ".docx": docx(paragraph(TEXT) + paragraph("A cat.")),
}
LONG = docx(paragraph("a " * 9_000_000))  # 18 kB; reading it takes seconds


async def shouted(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


async def never(texts: list[str]) -> list[str]:
    await asyncio.sleep(600)
    return texts


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that are started."""
    found: list[Process] = []
    start = documents_module.start

    async def noted(*arguments: Any) -> Process:
        found.append(await start(*arguments))
        return found[-1]

    monkeypatch.setattr(documents_module, "start", noted)
    return found


def translated(data: bytes, translate: Translate = shouted, name: str = "a.docx", **limits: Any) -> bytes:
    async def story() -> bytes:
        return await Documents(Limits(**limits)).translate(name, data, translate)

    return asyncio.run(story())


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_answer_is_that_of_this_process(suffix: str, started: list[Process]) -> None:
    here = translate_file(f"a{suffix}", FILES[suffix], lambda texts: [text.upper() for text in texts])
    assert content(translated(FILES[suffix], name=f"x{suffix}")) == content(here)
    assert [one.returncode for one in started] != [None]


def content(data: bytes) -> bytes:
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("word/document.xml")


def test_texts_come_in_portions_and_none_comes_twice() -> None:
    seen: list[list[str]] = []

    async def noting(texts: list[str]) -> list[str]:
        seen.append(texts)
        return [f"<{text}>" for text in texts]

    data = "\n".join(["a", "", "b", "a", "  ", "c", "a"]).encode()
    assert translated(data, noting, "a.txt", items=2) == b"<a>\n\n<b>\n<a>\n  \n<c>\n<a>"
    assert seen == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    "name, data, said",
    [
        ("a.docx", b"PK\3\4 and no more", "no Word document"),
        ("a.txt", b"\xff\xfe\x00\x00\x00", "encoding"),
        ("a.pdf", b"x", "there are .txt"),
        ("a.docx", LONG, "17,999,999 characters, and at most 20,000"),
    ],
)
def test_what_the_reader_refuses_is_told_in_its_words(name: str, data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        translated(data, name=name)


class TestBounds:
    def test_memory(self, started: list[Process]) -> None:
        with pytest.raises(UsageError, match="100,000,000 bytes of memory"):
            translated(LONG, file_memory=100_000_000)
        assert started[0].returncode is not None

    def test_so_little_memory_that_nothing_can_be_said(self) -> None:
        with pytest.raises(UsageError, match="needs more memory"):
            translated(b"x" * 9_000_000, name="a.txt", file_memory=1_000_000)

    def test_time_of_the_processor(self, started: list[Process]) -> None:
        with pytest.raises(UsageError, match="more than 1 seconds"):
            translated(docx(paragraph("a b. ") * 400_000), file_seconds=1)
        assert started[0].returncode == -signal.SIGXCPU

    def test_the_deadline(self, started: list[Process]) -> None:
        began = time.monotonic()
        with pytest.raises(Refusal, match="no answer within 1 seconds") as refused:
            translated(FILES[".txt"], never, "a.txt", file_deadline=1.0)
        assert refused.value.status == 503
        assert time.monotonic() - began < 5
        assert started[0].returncode == -signal.SIGKILL

    def test_who_leaves_ends_it(self, started: list[Process]) -> None:
        async def story() -> None:
            work = asyncio.create_task(Documents(Limits()).translate("a.docx", LONG, shouted))
            while not started:
                await asyncio.sleep(0.01)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert started[0].returncode == -signal.SIGKILL

        asyncio.run(story())

    def test_a_few_at_once_others_wait_and_more_are_refused(self, started: list[Process]) -> None:
        async def story() -> None:
            go, running = asyncio.Event(), Documents(Limits(files=2))

            async def later(texts: list[str]) -> list[str]:
                await go.wait()
                return texts

            tasks = [asyncio.create_task(running.translate("a.txt", b"x", later)) for _ in range(WAITING)]
            await asyncio.sleep(0.5)
            assert len(started) == 2
            with pytest.raises(Refusal, match="busy"):
                await running.translate("a.txt", b"x", later)
            go.set()
            assert await asyncio.gather(*tasks) == [b"x"] * WAITING
            assert await running.translate("a.txt", b"x", later) == b"x"

        asyncio.run(story())

    def test_one_that_dies_is_told_of_in_a_sentence(self, started: list[Process]) -> None:
        async def deadly(texts: list[str]) -> list[str]:
            started[0].kill()
            return texts

        with pytest.raises(Refusal, match="want of memory") as refused:
            translated(FILES[".txt"], deadly, "a.txt")
        assert refused.value.status == 503

    def test_what_fails_while_it_translates_fails_for_who_asked(self, started: list[Process]) -> None:
        async def failing(texts: list[str]) -> list[str]:
            raise Refusal(429, "too many")

        with pytest.raises(Refusal, match="too many"):
            translated(FILES[".txt"], failing, "a.txt")
        assert started[0].returncode == -signal.SIGKILL

    def test_where_no_process_can_be_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(Refusal, match="busy"):
            translated(FILES[".txt"], name="a.txt")


class TestOtherEnd:
    """What runs in the process, run here."""

    def told(self, *sent: tuple[Frame, bytes]) -> io.BytesIO:
        asked, told = io.BytesIO(), io.BytesIO()
        for kind, content in sent:
            frames.write(asked, kind, content)
        asked.seek(0)
        process.answer(asked, told)
        told.seek(0)
        return told

    def task(self, name: str) -> tuple[Frame, bytes]:
        return Frame.TASK, frames.as_json(vars(Task(name, 2, 100, 10**9, 9)))

    def test_a_bug_of_a_reader_says_where_and_nothing_of_the_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> bytes:
            raise ArithmeticError("my secret")

        monkeypatch.setattr(process, "translate_file", broken)
        said = frames.read(self.told(self.task("a.txt"), (Frame.FILE, b"x")), Frame.FAILED)
        assert b"ArithmeticError at test_documents.py" in said
        assert b"secret" not in said

    def test_an_asker_that_is_gone_ends_it(self) -> None:
        with pytest.raises(EOFError):
            self.told(self.task("a.txt"), (Frame.FILE, b"a text"))
        with pytest.raises(EOFError):
            self.told(self.task("a.txt"))

    @pytest.mark.parametrize("head", [b"\x63\0\0\0\1x", b"\1\xff\xff\xff\xff"])
    def test_what_is_no_frame(self, head: bytes) -> None:
        with pytest.raises(ValueError):
            process.answer(io.BytesIO(head), io.BytesIO())

    @pytest.mark.parametrize("content", [b"{}", b"[1]", b'["a","b"]', b"["])
    def test_what_is_no_translation(self, content: bytes) -> None:
        with pytest.raises(ValueError):
            frames.texts_of(content, 1)

    def test_it_loads_nothing_that_computes(self) -> None:
        """It is started for each file: with torch that would take seconds."""
        listing = "import dragoman.documents.__main__, sys; print(*sys.modules)"
        environment = os.environ | {"PYTHONPATH": str(Path(process.__file__).parents[2])}
        loaded = subprocess.run(
            [sys.executable, "-P", "-c", listing], capture_output=True, text=True, env=environment, check=True
        ).stdout.split()
        assert not {"torch", "numpy", "ctranslate2", "sentencepiece", "asyncio", "starlette"} & set(loaded)

    def test_no_task_no_traceback(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(Path(process.__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "dragoman.documents"],
            input=b"",
            capture_output=True,
            env=environment,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tiny_model, tmp_path_factory.mktemp("documents"), "--threads", "1") as server:
        yield server


def slowest_health(server: Server, work: Callable[[], object]) -> float:
    """Seconds that /health takes at most while something is done."""
    thread, slowest = threading.Thread(target=work), 0.0
    thread.start()
    while thread.is_alive():
        began = time.monotonic()
        server.get("/health")
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)
    thread.join()
    return slowest


@pytest.mark.slow(reason="seconds of reading, beside which the service is asked")
@pytest.mark.parametrize(
    "path, body",
    [
        ("/translate_file", LONG),
        ("/api/translate", {"text": "a\n" * 10_000}),
        ("/api/translate", {"text": "x " * 9_000, "glossary": {f"t{i}": f"u{i}" for i in range(14_000)}}),
        ("/api/translate", {"text": "<b>a</b> " * 2_000, "format": "html"}),
        ("/api/explain", {"text": TEXT}),
    ],
    ids=["document", "lines", "glossary", "page", "explain"],
)
def test_nothing_holds_the_service_up(server: Server, path: str, body: Any) -> None:
    """These took 1.9, 2.6 and 10.9 s of everybody's time, the last ones 0.2."""

    def ask() -> object:
        return upload(server, "a.docx", body) if isinstance(body, bytes) else server.ask("POST", path, body)

    # A machine that others use too is late by itself, but not each time.
    assert min(slowest_health(server, ask) for _ in range(3)) < 0.2


def upload(server: Server, name: str, data: bytes) -> tuple[int, str]:
    head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--b--\r\n'
    body = head % (b"source", b"en") + head % (b"target", b"zh") + file % (name.encode(), data)
    connection = server.connect()
    try:
        kind = {"content-type": "multipart/form-data; boundary=b"}
        connection.request("POST", "/translate_file", body, kind)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@pytest.mark.slow(reason="a server starts and ends")
def test_no_file_and_no_process_is_left_behind(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))
    with serving(tiny_model, tmp_path, "--threads", "1", "--file-deadline", "2") as server:
        assert upload(server, "a.txt", FILES[".txt"])[0] == 200
        assert upload(server, "a.docx", b"PK")[0] == 400
        assert upload(server, "a.html", b"<p>I have a <b>dog</b> and " * 100_000)[0] in (400, 503)
        assert server.ask("POST", "/api/explain", {"text": TEXT})[0] == 200
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        looking = children.read_text().split() if children.exists() else []
        assert len(looking) <= 1  # the one that looks inside stays
    left = [file.name for file in (tmp_path / "t").iterdir()]
    assert [
        name for name in left if not name.startswith("torchinductor")
    ] == []  # torch keeps a folder for itself
    for child in looking:
        assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()
