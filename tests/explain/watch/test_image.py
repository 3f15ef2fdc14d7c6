"""A reading that is recorded: every number of it computed a second way, and its checks found out where one fails."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dragoman.corpus.digits import Image, image_of
from dragoman.explain.terminal.drawing import Screen, drawn
from dragoman.explain.terminal.image import image_view
from dragoman.explain.trace.image import ImageTrace
from dragoman.explain.watch.image import look_at
from dragoman.ids import BOS, EOS
from dragoman.lineage.imagereader import ImageReader, ImageReaderConfig, patches
from dragoman.training.tasks.images import vocabulary_of
from dragoman.transformer.attention import attention_weights

VOCABULARY = vocabulary_of("digits")
IMAGE = image_of([3, 1, 4], 16, 24, np.random.default_rng(1))


def model(positions: str = "grid", **changes: int) -> ImageReader:
    torch.manual_seed(2)
    sizes = {"height": 16, "width": 24, "d_model": 16, "d_ff": 32, "n_heads": 2, **changes}
    config = ImageReaderConfig(**sizes, positions=positions)  # type: ignore[arg-type]
    return ImageReader(config, len(VOCABULARY.words)).eval()


@pytest.fixture(scope="module")
def trace() -> ImageTrace:
    return look_at(model(), VOCABULARY, IMAGE)


def test_it_holds_the_image_and_every_check(trace: ImageTrace) -> None:
    assert np.array_equal(np.array(trace.pixels, np.float32), IMAGE.pixels.round(5))
    assert (trace.rows, trace.columns, trace.digits) == (4, 6, (3, 1, 4))
    assert [check.ok for check in trace.checks] == [True] * 3


def test_a_step_looks_where_its_query_finds_its_keys(trace: ImageTrace) -> None:
    """Recomputed from q and k of the last layer, with the decoder's own first step."""
    reader, source = model(), patches(torch.from_numpy(IMAGE.pixels)[None], 4)
    real = torch.ones(source.shape[:2], dtype=torch.bool)
    memory = reader.encode(source, real)
    x = reader.target_input(torch.tensor([[BOS]]), reader.target_table)
    for layer in reader.decoder.layers[:-1]:
        x = layer(x, memory, None, None)
    last = reader.decoder.layers[-1]
    x = last.residuals[0](x, lambda x: last.self_attention(x, x, None))
    ask = last.cross_attention
    weights = attention_weights(ask.queries(last.residuals[1].before(x)), ask.keys_values(memory).keys)
    assert np.allclose(trace.looks[-1][0], weights[0, :, 0].detach(), atol=2e-5)


def test_the_digit_that_is_due_lies_on_the_patches_that_have_its_ink(trace: ImageTrace) -> None:
    for t, place in enumerate(IMAGE.places[: len(trace.steps)]):
        for patch in range(trace.rows * trace.columns):
            row, column = patch // 6 * 4, patch % 6 * 4
            inside = IMAGE.pixels[
                max(row, place.row) : min(row + 4, place.row + 8),
                max(column, place.column) : min(column + 4, place.column + 8),
            ]
            assert (patch in trace.steps[t].place) == bool(inside.size and inside.any())


def test_a_layer_and_a_head_are_chosen_and_the_rest_is_their_mean(trace: ImageTrace) -> None:
    heads = np.array([trace.look(0, 1, head) for head in (1, 2)])
    assert np.allclose(trace.look(0, 1), heads.mean(0)) and not np.allclose(*heads)
    assert trace.look(0) == trace.look(0, len(trace.looks))
    assert sum(trace.look(0)) == pytest.approx(1, abs=1e-3)


def test_places_on_a_grid_are_like_their_neighbours(trace: ImageTrace) -> None:
    near = np.array(trace.near)
    assert np.allclose(np.diag(near), 1, atol=1e-4) and np.allclose(near, near.T)
    assert near[0, 1] > near[0, 3] and near[0, 6] > near[0, 18]
    assert look_at(model("none"), VOCABULARY, IMAGE).near == ()
    assert look_at(model("rotary"), VOCABULARY, IMAGE).near == ()


def test_the_steps_end_with_the_end_or_where_there_is_no_more_room(trace: ImageTrace) -> None:
    words = [step.chosen for step in trace.steps]
    assert words[-1] == "</s>" or len(words) == 32
    assert trace.steps[0].read == ("<s>",) and trace.text == " ".join(
        word for word in words if word != "</s>"
    )
    for step in trace.steps:
        assert step.rivals[0].p >= step.rivals[1].p and 0 <= step.p <= 1
    assert VOCABULARY.words[EOS] == "</s>"


def test_a_check_that_fails_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that forgets: step by step is no longer what all at once is."""
    reader = model()
    whole = reader.step
    monkeypatch.setattr(
        reader, "step", lambda tokens, state: (whole(tokens, state)[0] + 1, whole(tokens, state)[1])
    )
    found = {check.name: check.ok for check in look_at(reader, VOCABULARY, IMAGE).checks}
    assert found == {"rows_sum_to_one": True, "cached_is_full": False, "encoder_once": True}


def test_a_picture_of_which_nobody_knows_what_it_says(trace: ImageTrace) -> None:
    found = look_at(model(), VOCABULARY, Image(IMAGE.pixels, (), ()))
    assert found.digits == () and all(step.place == () for step in found.steps)
    assert found.on_its_digit(0) is None and found.text == trace.text


def test_the_record_is_json(trace: ImageTrace) -> None:
    record = json.loads(trace.to_json())
    assert record["format"] == "dragoman.image" and record["version"] == 1
    assert len(record["looks"][0][0][0]) == 24


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("positions", ["grid", "sinusoidal", "none"])
def test_the_terminal_draws_all_of_it(language: str, colour: bool, positions: str) -> None:
    screen = Screen(100, colour, language)
    found = look_at(model(positions), VOCABULARY, IMAGE)
    text = drawn(image_view(found, screen, None, None, None), screen)
    assert text.count("t=") == len(found.steps) and ("▀" in text) == colour
    lines = text.split("\n")
    assert colour or max(map(len, lines)) <= 100
    one = drawn(image_view(found, screen, 0, 1, 2), screen)
    assert one.count("t=") == 1


def test_ink_stands_out_of_every_ground() -> None:
    """Black letters on a light patch, white on a dark one: else a digit would vanish where a step looks hardest."""
    from dragoman.explain.terminal.drawing import RAMP
    from dragoman.explain.terminal.image import _colour

    def light(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.3 * red + 0.59 * green + 0.11 * blue

    for step in range(len(RAMP)):
        share = (step + 0.5) / len(RAMP)
        assert abs(light(_colour(1.0, share)) - light(_colour(0.0, share))) > 0.4
