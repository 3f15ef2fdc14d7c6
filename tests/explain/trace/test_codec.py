"""Records to JSON and back, and the page that documents them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dragoman.errors import UsageError
from dragoman.explain.trace.codec import decoded, encoded
from dragoman.explain.trace.trace import Trace
from dragoman.explain.watch.probing import Probe

GUIDE = Path(__file__).parents[3] / "docs" / "guide"


@dataclass(frozen=True, eq=False)
class Inner:
    numbers: np.ndarray = field(metadata={"dims": ("row", "column")})
    word: str | None


@dataclass(frozen=True, eq=False)
class Outer:
    fed: str = field(metadata={"json": "from"})
    inner: tuple[Inner, ...]
    span: tuple[int, int] | None
    options: dict[str, Any]
    share: float
    hidden: object = field(default=None, metadata={"private": True})


@given(
    arrays(
        np.float32, array_shapes(min_dims=1, max_dims=3, min_side=0), elements=st.floats(-1e9, 1e9, width=32)
    ),
    st.none() | st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_what_is_written_is_read(array: np.ndarray, word: str | None, share: float) -> None:
    outer = Outer("start", (Inner(array, word), Inner(array, None)), (1, 2), {"a": [1]}, share)
    plain = json.loads(json.dumps(encoded(outer)))
    again = decoded(Outer, plain)
    assert encoded(again) == plain
    assert (again.fed, again.span, again.inner[0].word) == ("start", (1, 2), word)
    assert again.share == pytest.approx(share, rel=1e-5)
    expected = np.clip(array, -65504, 65504)  # the largest number of float16
    np.testing.assert_allclose(again.inner[0].numbers, expected, rtol=1e-3, atol=1e-7)


def test_names_are_those_of_json() -> None:
    plain = encoded(Outer("start", (), None, {}, 1.0, hidden=print))
    assert list(plain) == ["from", "inner", "span", "options", "share"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"from": 1}, r"trace.from is a int: it must be a str"),
        ({"inner": {}}, r"trace.inner is a dict"),
        ({"inner": [{"word": None, "numbers": {}}]}, r"trace.inner\[0\].numbers is no array"),
        ({"inner": [{"word": None}]}, r"trace.inner\[0\] has no 'numbers'"),
        ({"span": [1]}, r"trace.span has 1 entries"),
        ({"share": "1"}, r"trace.share is a str"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change: dict[str, Any], message: str) -> None:
    plain = encoded(Outer("start", (), None, {}, 1.0)) | change
    with pytest.raises(UsageError, match=message):
        decoded(Outer, plain)


@pytest.mark.parametrize("data", ["AAA", "####", "AAAAAA==", ""])
def test_damaged_arrays_are_refused(data: str) -> None:
    array = {"shape": [1, 2, 3], "dims": [], "dtype": "float16", "data": data}
    with pytest.raises(UsageError, match="numbers is damaged"):
        decoded(Inner, {"numbers": array, "word": None}, "x")


# -- the guide ----------------------------------------------------------------------------------------------------


def records(kind: Any, seen: set[Any]) -> set[Any]:
    """Every dataclass that a record is made of."""
    for hint in get_type_hints(kind).values():
        for part in (hint, *get_args(hint)):
            if is_dataclass(part) and part not in seen:
                seen.add(part)
                records(part, seen)
    return seen


@pytest.mark.parametrize("page", ["trace.md", "trace.zh-CN.md"])
@pytest.mark.parametrize("top", [Trace, Probe])
def test_the_guide_documents_every_field(page: str, top: type) -> None:
    text = (GUIDE / page).read_text(encoding="utf-8").replace("{", "`").replace("}", "`").replace(", ", "` `")
    for kind in records(top, {top}):
        for one in fields(kind):
            name = one.metadata.get("json", one.name)
            if not one.metadata.get("private") and kind.__name__ not in ("CrossWeights",):
                assert f"`{name}`" in text, f"{kind.__name__}.{name}"
