"""An image on its page and as a picture: every step over the image, at both widths, in both languages and themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

from dragoman.corpus.digits import image_of
from dragoman.errors import DragomanError
from dragoman.explain.page.image import picture, write_image_page
from dragoman.explain.trace.image import ImageTrace
from dragoman.explain.watch.image import look_at
from dragoman.lineage.imagereader import ImageReader, ImageReaderConfig
from dragoman.training.tasks.images import vocabulary_of
from explain.page_fixtures import SLOW, OpenPage

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def trace() -> ImageTrace:
    torch.manual_seed(2)
    shape, vocabulary = ImageReaderConfig(d_model=16, d_ff=32, n_heads=2), vocabulary_of("digits")
    image = image_of([3, 1, 4], shape.height, shape.width, np.random.default_rng(1))
    return look_at(ImageReader(shape, len(vocabulary.words)).eval(), vocabulary, image)


@pytest.fixture
def shown(trace: ImageTrace, tmp_path: Path, open_page: OpenPage) -> Any:
    def show(lang: str = "en", width: int = 1440, theme: str = "light") -> Any:
        path = tmp_path / "image.html"
        write_image_page(trace, path, lang)
        return open_page(path, width=width, theme=theme)

    return show


@SLOW
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("lang, said", [("en", "from the patches"), ("zh", "来自图上的每一块")])
def test_row_123_cross_attention_over_an_image(
    trace: ImageTrace, shown: Any, width: int, lang: str, said: str
) -> None:
    page = shown(lang, width)
    view = page.locator(".image-view")
    assert said in view.inner_text()
    assert view.locator(".image-step").count() == len(trace.steps)
    assert view.locator(".image-step").first.locator("rect.patch").count() == 48
    assert view.locator("table tbody tr").count() == len(trace.steps)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@SLOW
@pytest.mark.parametrize("lang, said", [("en", "a row and a column"), ("zh", "自己的行号和列号")])
def test_row_114_the_place_of_a_patch_is_shown_where_it_is_clicked(shown: Any, lang: str, said: str) -> None:
    page = shown(lang)
    assert said in page.locator(".image-view").inner_text()
    large = page.locator("figure .patch-image")
    large.locator("rect.patch").nth(10).click()
    assert page.locator("figure rect.due").get_attribute("data-patch") == "10"
    page.locator("figure .patch-image").press("ArrowDown")
    assert page.locator("figure rect.due").get_attribute("data-patch") == "18"
    page.locator('[data-value="back"]').click()
    assert page.locator('[data-value="back"]').count() == 0


@SLOW
def test_a_step_a_layer_and_a_head_are_chosen(trace: ImageTrace, shown: Any) -> None:
    page = shown()
    page.locator(".image-step").nth(1).click()
    assert page.locator(".image-step").nth(1).get_attribute("aria-pressed") == "true"
    assert page.locator("figcaption").inner_text().startswith("Step 1 ")
    before = page.locator("figure svg").inner_html()
    page.locator("select").first.select_option("0")
    page.locator("select").nth(1).select_option("1")
    assert page.locator("figure svg").inner_html() != before
    assert page.locator("select").first.input_value() == "0"


@SLOW
def test_language_and_theme_are_exchanged(shown: Any) -> None:
    page = shown(theme="dark")
    assert page.locator(".dragoman-look").get_attribute("data-theme") == "dark"
    page.locator(".theme").click()
    assert page.locator(".dragoman-look").get_attribute("data-theme") == "light"
    page.locator(".language").click()
    assert "谁提问，谁回答" in page.locator(".image-view").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_frames_what_is_due_and_has_no_ground_of_its_own(trace: ImageTrace, theme: str) -> None:
    root = ET.fromstring(picture(trace, theme, "en", None, None))
    groups = root.findall(f"{SVG}g")
    assert len(groups) == 1 + len(trace.steps)
    framed = [sum(rect.get("stroke-width") == "2" for rect in group.iter(f"{SVG}rect")) for group in groups]
    assert framed == [0, *(len(step.place) for step in trace.steps)]


def test_a_place_that_cannot_be_written_is_named(trace: ImageTrace, tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match="cannot write .*nowhere.*: choose another -o path"):
        write_image_page(trace, tmp_path / "nowhere" / "page.html")
