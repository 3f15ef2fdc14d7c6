"""Fields of requests as LibreTranslate's and DeepL's clients send them: JSON, forms, or in the address. Checks types.

What comes in a form is text: numbers and truth are spelled. A field that we do not know is passed over, since these
APIs have many that change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import clean, json_object
from dragoman.server.tasks import Beside

T = TypeVar("T")
MOST = 1000  # fields of a form
BYTES = (
    16  # of a body that are read in the time that a character of text is translated in, without the search
)


class Fields:
    """The fields of one request. Lists may stand in JSON, and in forms where a name comes several times."""

    def __init__(self, values: Mapping[str, Any], are_spelled: bool) -> None:
        self._values, self._spelled = values, are_spelled

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def truth(self, name: str) -> bool:
        """false where it is not given. Raises Refusal (400) for what is neither true nor false."""
        value = self._values.get(name, False)
        if isinstance(value, str) and value.lower() in ("true", "false", "1", "0", ""):
            value = value.lower() in ("true", "1")
        if value is not None and not isinstance(value, bool):
            raise Refusal(400, f"Invalid request: {name} parameter must be true or false")
        return bool(value)

    def text(self, name: str) -> str:
        """'' where it is not given. Raises Refusal (400) for what is no text."""
        value = self._values.get(name)
        if isinstance(value, list) and self._spelled:
            value = value[-1]
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refusal(400, f"Invalid request: {name} parameter must be a string")
        return clean(value)

    def spelled(self, name: str) -> str:
        """A text, or a number or truth as it is spelled: clients write 1, "1" and true for the same."""
        value = self._values.get(name)
        if isinstance(value, bool | int):
            return str(int(value))
        return self.text(name)

    def texts(self, name: str) -> tuple[list[str], bool]:
        """The texts, and whether they came as a list."""
        value = self._values.get(name)
        if isinstance(value, str):
            return [clean(value)], False
        if value is None:
            return [], False
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise Refusal(400, f"Invalid request: {name} parameter must be a string, or a list of strings")
        return [clean(one) for one in value], True

    def number(self, name: str) -> int:
        """A whole number of at least 0, 0 where it is not given. Raises Refusal (400)."""
        value = self._values.get(name)
        if isinstance(value, list) and self._spelled:
            value = value[-1]
        if value is None or value == "":
            return 0
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if type(value) is not int or value < 0:
            raise Refusal(400, f"Invalid request: {name} parameter is not a positive number")
        return value


async def json_fields(request: Request, beside: Beside) -> Fields | None:
    """Those of a JSON body, also where nobody said that it is one; None where the body is something else.

    `curl -d '{...}'` sends JSON under the name of a form, and some clients under no name.
    """
    kind = request.headers.get("content-type", "").lower()
    if "json" not in kind:
        unsaid = not kind or "x-www-form-urlencoded" in kind or "text/plain" in kind
        if not unsaid or not (await request.body()).lstrip().startswith(b"{"):
            return None
    return Fields(await parsed(await request.body(), json_object, beside), are_spelled=False)


async def form_fields(request: Request, beside: Beside) -> Fields:
    """Those of the address and of a form, the form's first."""
    values: dict[str, Any] = {}
    kind = request.headers.get("content-type", "").lower()
    pairs = _pairs(request.scope["query_string"])
    if "multipart/form-data" in kind:
        pairs += [(name, part) for name, part in await multipart(request) if isinstance(part, str)]
    elif "x-www-form-urlencoded" in kind:
        pairs += await parsed(await request.body(), _pairs, beside)
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Fields(
        {
            # PHP and jQuery write q[] where a list is meant, even of one.
            name.removesuffix("[]"): found[0] if len(found) == 1 and not name.endswith("[]") else found
            for name, found in values.items()
        },
        are_spelled=True,
    )


async def any_fields(request: Request, beside: Beside) -> Fields:
    return await json_fields(request, beside) or await form_fields(request, beside)


async def parsed(body: bytes, parse: Callable[[bytes], T], beside: Beside) -> T:
    """What `parse` makes of a body: beside the event loop where it takes long.

    A glossary of 14,000 terms took 30 ms, and 16 clients that sent one at once held `/health` up for 0.4 s.
    """
    return await beside.run(len(body) // BYTES, parse, body)


@dataclass(frozen=True)
class Upload:
    """A file in a form."""

    name: str
    data: bytes


async def multipart(request: Request) -> list[tuple[str, str | Upload]]:
    """The parts of a form with files. Raises Refusal (400) for what is none."""
    try:
        form = await request.form(max_files=1, max_fields=100, max_part_size=len(await request.body()) + 1)
    except HTTPException as error:
        raise Refusal(400, f"the form cannot be read: {error.detail}") from None
    try:
        return [
            (name, part if isinstance(part, str) else Upload(part.filename or "", await part.read()))
            for name, part in form.multi_items()
        ]
    finally:
        await form.close()


def _pairs(data: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=MOST)
    except UnicodeDecodeError:
        return parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST)
    except ValueError:
        raise Refusal(400, f"the form has more than {MOST:,} fields") from None
