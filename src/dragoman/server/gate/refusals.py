"""What the server says when it does not do what was asked: a status and one sentence. Knows no route."""

from __future__ import annotations

import json

from dragoman.errors import DragomanError


class Refusal(DragomanError):
    """A request that gets no answer but this. `retry_after` is in seconds, for what may work later."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after

    def told(self, path: str) -> tuple[bytes, dict[str, str]]:
        """Body and headers, in the shape that the clients of a path read."""
        key = "message" if path.startswith("/v2/") else "error"
        headers = {"content-type": "application/json"}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.status in (403, 408, 413):
            headers["connection"] = "close"  # the rest of the request may not have been read
        return json.dumps({key: self.message}).encode(), headers


def overloaded(retry_after: int) -> Refusal:
    return Refusal(503, "the server is busy: try again in a moment", max(1, retry_after))


def failed() -> Refusal:
    return Refusal(500, "this failed on the server; its log says why")


def too_late(seconds: float) -> Refusal:
    return Refusal(503, f"no answer within {seconds:g} seconds: the server is busy, try again in a moment", 1)
