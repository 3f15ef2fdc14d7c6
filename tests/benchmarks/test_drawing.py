"""Drawings: as long and as high as their numbers say, and XML whatever the names."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from benchmarks import drawing


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]


def test_bars_are_as_long_as_their_numbers() -> None:
    rects = [
        node for node in ET.fromstring(drawing.bars([("a", 40.0), ("b", 10.0)])).iter() if "rect" in node.tag
    ]
    assert float(rects[0].get("width", 0)) == pytest.approx(4 * float(rects[1].get("width", 0)), abs=0.2)


def test_lines_stand_over_their_classes() -> None:
    said = texts(drawing.lines({"a & b": [1.0, 4.0]}, ["short", "long"], "words"))
    assert {"short", "long", "words", "a & b"} <= {*said}
    assert {"0", "4"} <= {*said}


def test_a_curve_begins_at_its_floor_and_tells_where_something_else_begins() -> None:
    points = [(0, 0.1), (1000, 30.0), (9000, 38.0), (10500, 42.0)]
    svg = drawing.curves({"de -> en": points}, "steps", floor=25, borders=[(9000, "cool-down")])
    (line,) = [node for node in ET.fromstring(svg).iter() if node.tag.endswith("polyline")]
    assert len((line.get("points") or "").split()) == 3  # the first is below the floor
    assert {"cool-down", "0", "2,000", "10,000", "30", "40"} <= {*texts(svg)}


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(0.0, 5.0), (3.0, 5.0)]])
def test_a_curve_of_nearly_nothing_is_still_a_drawing(points: list[tuple[float, float]]) -> None:
    ET.fromstring(drawing.curves({"a": points}, "steps"))
