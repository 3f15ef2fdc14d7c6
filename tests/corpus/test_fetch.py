"""Downloading from servers that fail, lie and cut off: a wrong file never gets the right name."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dragoman.corpus import fetch as module
from dragoman.corpus.fetch import DATASETS, Dataset, RemoteFile, fetch, fetch_file, unpack
from dragoman.errors import DragomanError, UsageError

TEXT = os.urandom(60_000).hex().encode()
PACKED = gzip.compress(TEXT)
FILE = RemoteFile("train.en.gz", len(TEXT), hashlib.sha256(TEXT).hexdigest())

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Does what the test put under the path, and remembers the Range of each request."""

    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        self.server.behaviours.get(self.path.rsplit("/", 1)[0], missing)(self)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []
        self.behaviours: dict[str, Behaviour] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the tests


def missing(handler: Handler) -> None:
    handler.answer(b"no", 404)


def good(handler: Handler, tag: str = '"v1"', body: bytes = PACKED) -> None:
    wanted = handler.headers["Range"]
    if wanted and handler.headers["If-Range"] == tag:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        handler.answer(
            body[start:], 206, ETag=tag, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}"
        )
    else:
        handler.answer(body, ETag=tag)


def cut(share: float, tag: str = '"v1"') -> Behaviour:
    return lambda handler: handler.answer(PACKED[: int(len(PACKED) * share)], length=len(PACKED), ETag=tag)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    queue = list(behaviours)
    return lambda handler: (queue.pop(0) if len(queue) > 1 else queue[0])(handler)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(module, "TIMEOUT", 5.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(DATASETS, "toy", Dataset((FILE,), ("https://unused.invalid",)))
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: Server, directory: Path, *mirrors: str) -> list[Path]:
    return list(fetch("toy", directory, [server.url(mirror) for mirror in mirrors]))


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    server.behaviours["/a"] = good
    for _ in range(2):
        assert get(server, tmp_path, "/a") == [tmp_path / FILE.name]
    assert gzip.decompress((tmp_path / FILE.name).read_bytes()) == TEXT
    assert names(tmp_path) == {FILE.name}
    assert server.ranges == [None]


def test_a_file_that_was_damaged_on_the_disk_is_fetched_again(server: Server, tmp_path: Path) -> None:
    server.behaviours["/a"] = good
    (tmp_path / FILE.name).write_bytes(gzip.compress(TEXT[:-1]))
    get(server, tmp_path, "/a")
    assert gzip.decompress((tmp_path / FILE.name).read_bytes()) == TEXT


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_what_was_cut_off_is_continued(server: Server, tmp_path: Path, share: float) -> None:
    server.behaviours["/a"] = in_turn(cut(share), good)
    get(server, tmp_path, "/a")
    begun = int(len(PACKED) * share)
    assert server.ranges == [None, f"bytes={begun}-" if begun else None]
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_a_later_run_continues_too(server: Server, tmp_path: Path) -> None:
    server.behaviours["/a"] = cut(0.5)
    with pytest.raises(DragomanError, match=r"cut off after [\d,]+ of [\d,]+ bytes"):
        get(server, tmp_path, "/a")
    assert FILE.name not in names(tmp_path)
    server.behaviours["/a"] = good
    get(server, tmp_path, "/a")
    assert server.ranges[-1] == f"bytes={len(PACKED) // 2}-"
    assert names(tmp_path) == {FILE.name}


def test_halves_of_two_versions_are_never_joined(server: Server, tmp_path: Path) -> None:
    """The server's file changed in between: If-Range makes it send all of the new one."""
    server.behaviours["/a"] = in_turn(cut(0.5, tag='"old"'), good)
    get(server, tmp_path, "/a")
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_halves_from_two_mirrors_are_never_joined(server: Server, tmp_path: Path) -> None:
    server.behaviours.update({"/a": cut(0.5), "/b": good})
    get(server, tmp_path, "/a", "/b")
    assert server.ranges[-1] is None
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_a_weak_tag_is_not_trusted_for_resuming(server: Server, tmp_path: Path) -> None:
    server.behaviours["/a"] = in_turn(cut(0.5, tag='W/"v1"'), good)
    get(server, tmp_path, "/a")
    assert server.ranges == [None, None]


def test_a_server_that_sends_another_range_is_not_believed(server: Server, tmp_path: Path) -> None:
    shifted: Behaviour = lambda handler: handler.answer(PACKED[9:], 206, Content_Range="bytes 9-99/100")
    server.behaviours["/a"] = in_turn(cut(0.5), shifted, good)
    get(server, tmp_path, "/a")
    assert (tmp_path / FILE.name).read_bytes() == PACKED


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (missing, "HTTP 404"),
        (lambda handler: handler.answer(b"busy", 503), "HTTP 503"),
        (lambda handler: handler.answer(b"", 416), "HTTP 416"),
        (lambda handler: good(handler, body=gzip.compress(TEXT[::-1])), "not the expected text"),
        (lambda handler: good(handler, body=gzip.compress(TEXT + b"x")), "longer than the expected"),
        (lambda handler: good(handler, body=gzip.compress(bytes(10**8))), "longer than the expected"),
        (lambda handler: good(handler, body=PACKED[:-9]), "damaged"),
        (lambda handler: good(handler, body=b"<html>Please log in</html>"), "not the expected text"),
        (lambda handler: good(handler, body=bytes(10**6)), "at most"),
        (lambda handler: handler.answer(b"", length=10**12), "at most"),
        (lambda handler: handler.wfile.write(b"garbage\r\n\r\n"), "garbage"),
        (lambda handler: handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(10**6)), "more than"),
        (lambda handler: handler.answer(b"", 302, Location="file:///etc/passwd"), "refused|not allowed"),
        (lambda handler: handler.answer(b"", 302, Location="ftp://127.0.0.1/x"), "refused"),
    ],
)
def test_a_bad_mirror_is_told_and_the_next_is_used(
    server: Server, tmp_path: Path, behaviour: Behaviour, reason: str
) -> None:
    server.behaviours.update({"/bad": behaviour, "/good": good})
    with pytest.raises(
        DragomanError, match=rf"train\.en\.gz could not be fetched:\n  http.*/bad/.*({reason})"
    ):
        get(server, tmp_path, "/bad")
    assert FILE.name not in names(tmp_path)
    get(server, tmp_path, "/bad", "/good")
    assert (tmp_path / FILE.name).read_bytes() == PACKED


def test_a_redirect_may_not_leave_https() -> None:
    handler = module._Redirects()
    request = module.urllib.request.Request("https://example.org/a")
    with pytest.raises(DragomanError, match="less safe: refused"):
        handler.redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/a")
    followed = handler.redirect_request(request, io.BytesIO(), 302, "", {}, "https://example.org/b")
    assert followed is not None and followed.full_url == "https://example.org/b"


def test_only_web_addresses_are_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.gz"
    secret.write_bytes(PACKED)
    with pytest.raises(UsageError, match="https://"):
        fetch_file(secret.as_uri(), FILE, tmp_path / "copy.gz")


def test_the_mirror_that_worked_is_asked_first(server: Server, tmp_path: Path) -> None:
    other = RemoteFile("val.en.gz", FILE.size, FILE.sha256)
    DATASETS["toy"] = Dataset((FILE, other), ())
    server.behaviours["/b"] = good
    get(server, tmp_path, "/a", "/b")
    assert len(server.ranges) == 3


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dataset is called 'multi31k'; known: multi30k"):
        fetch("multi31k", tmp_path)


@pytest.mark.skipif("DRAGOMAN_DATA" not in os.environ, reason="needs the corpora that DRAGOMAN_DATA names")
def test_the_table_is_right() -> None:
    for file in DATASETS["multi30k"].files:
        assert module.fault(Path(os.environ["DRAGOMAN_DATA"], "multi30k", file.name), file) is None


# -- archives ---------------------------------------------------------------------------------------------------


def archive(path: Path, *members: tuple[str, bytes | str], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = kind, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_of_files_is_unpacked(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.tar.gz", ("x/train.en", b"hello"), ("x/y/train.de", b"hallo"), ("empty", b"")
    )
    unpack(path, tmp_path / "out", limit=10)
    assert (tmp_path / "out/x/train.en").read_bytes() == b"hello"
    assert (tmp_path / "out/x/y/train.de").read_bytes() == b"hallo"
    assert (tmp_path / "out/empty").read_bytes() == b""
    with pytest.raises(UsageError, match="is there already"):
        unpack(path, tmp_path / "out", limit=10)


@pytest.mark.parametrize(
    ("members", "kind", "reason"),
    [
        ([("../evil", b"x")], tarfile.REGTYPE, "'../evil' would be written outside"),
        ([("a/../../evil", b"x")], tarfile.REGTYPE, "outside"),
        ([("/tmp/evil", b"x")], tarfile.REGTYPE, "outside"),
        ([("..\\evil", b"x")], tarfile.REGTYPE, "outside"),
        ([("c:evil", b"x")], tarfile.REGTYPE, "outside"),
        ([("link", "/etc")], tarfile.SYMTYPE, "'link' is neither a file nor a directory"),
        ([("link", "ok")], tarfile.LNKTYPE, "neither"),
        ([("pipe", "")], tarfile.FIFOTYPE, "neither"),
        ([("disk", "")], tarfile.BLKTYPE, "neither"),
        ([("twice", b"x"), ("twice", b"y")], tarfile.REGTYPE, "cannot be unpacked"),
        ([("file", b"x"), ("file/below", b"y")], tarfile.REGTYPE, "cannot be unpacked"),
        ([("bomb", bytes(2000))], tarfile.REGTYPE, "more than was expected"),
    ],
)
def test_a_hostile_archive_writes_nothing(
    tmp_path: Path, members: list[tuple[str, bytes | str]], kind: bytes, reason: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = archive(tmp_path / "a.tar.gz", ("ok", b"x"), *members, kind=kind)
    with pytest.raises(DragomanError, match=reason):
        unpack(path, home / "out", limit=1000)
    assert list(home.iterdir()) == []
    assert names(tmp_path) == {"home", "a.tar.gz"}


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HEADER_ROOM", 1)
    member = tarfile.TarInfo("name")
    member.type, member.size = tarfile.XHDTYPE, 2**33
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(10**6)))
    with pytest.raises(DragomanError, match="more than was expected"):
        unpack(path, tmp_path / "out", limit=1000)


@pytest.mark.parametrize(
    "data", [b"", b"no archive at all", PACKED, PACKED[:100]], ids=["empty", "text", "packed", "cut"]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(data)
    with pytest.raises(DragomanError, match=r"a\.tar\.gz cannot be unpacked"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out", limit=10**6)
    assert names(tmp_path) == {"a.tar.gz"}
