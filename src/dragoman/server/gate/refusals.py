"""What the server says when it does not do what was asked: a status and one sentence. Knows no route."""

from __future__ import annotations

import json

from dragoman.errors import DragomanError


class Refusal(DragomanError):
    """A request that gets no answer but this. `retry_after` is in seconds, for what may work later."""

    def __init__(
        self, status: int, message: str, retry_after: int | None = None, closes: bool = False
    ) -> None:
        """closes: whether the connection is of no more use."""
        super().__init__(message)
        self.closes = closes
        self.status, self.message, self.retry_after = status, message, retry_after

    def told(self, path: str) -> tuple[bytes, dict[str, str]]:
        """Body and headers, in the shape that the clients of a path read."""
        body: dict[str, object] = {"message" if path.startswith(("/v1/", "/v2/")) else "error": self.message}
        if path.startswith("/v1/"):  # of DeepLX
            body = {"code": self.status, **body}
        headers = {"content-type": "application/json"}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.status in (403, 408, 413) or self.closes:
            headers["connection"] = "close"  # the rest of the request may not have been read
        return json.dumps(body).encode(), headers


def overloaded(retry_after: int) -> Refusal:
    return Refusal(503, "the server is busy: try again in a moment", max(1, retry_after))


def failed() -> Refusal:
    return Refusal(500, "this failed on the server; its log says why")


def stopping() -> Refusal:
    return Refusal(503, "the server is being stopped: try again in a moment", 5, closes=True)


class TooLate(Refusal):
    """What was not, or would not be, done in the time that it has."""


def too_long(needed: float, seconds: float) -> TooLate:
    """What would not be done in time if it were alone: to try again is of no use."""
    return TooLate(
        413,
        f"this takes about {needed:,.0f} seconds here, and {_rounded(seconds)} are allowed (--deadline): "
        "send it in parts",
    )


def unfinished(seconds: float, characters: int) -> TooLate:
    """A file of which some is done, and all of it would take longer than it may."""
    return TooLate(
        413,
        f"the file takes longer than the {seconds:g} seconds that are allowed (--file-deadline); {characters:,} "
        "characters of it were translated in that time: divide it",
    )


def too_late(seconds: float) -> TooLate:
    return TooLate(
        503, f"no answer within {_rounded(seconds)} seconds: the server is busy, try again in a moment", 1
    )


def _rounded(seconds: float) -> str:
    """What is left of a deadline, as the deadline."""
    return f"{seconds:.0f}" if seconds >= 1 else f"{seconds:.1g}"
