"""What can be asked of a search, and that contradictions are refused by naming both sides."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"n_best": 6, "beam_size": 5}, ("n_best = 6", "beam_size = 5")),
        ({"sample": True, "beam_size": 5}, ("sample", "beam_size = 5")),
        ({"temperature": 0.5}, ("temperature = 0.5", "sample = false")),
        ({"top_k": 10}, ("top_k = 10", "sample = false")),
        ({"top_p": 0.9}, ("top_p = 0.9", "sample = false")),
        ({"min_length": 256}, ("min_length = 256", "max_length = 256")),
    ],
)
def test_contradictions_are_refused_naming_both_sides(values, names):
    with pytest.raises(ConfigError) as error:
        DecodingOptions(**values)
    assert all(name in str(error.value) for name in names)


@pytest.mark.parametrize(
    "values",
    [
        {"beam_size": 0},
        {"n_best": 0},
        {"length_penalty": -0.1},
        {"length_penalty": float("nan")},
        {"max_length": 0},
        {"max_length_ratio": float("inf")},
        {"min_length": -1},
        {"no_repeat_ngram": -1},
        {"sample": True, "beam_size": 1, "temperature": 0.0},
        {"sample": True, "beam_size": 1, "top_p": 0.0},
        {"sample": True, "beam_size": 1, "top_p": 1.1},
        {"sample": True, "beam_size": 1, "top_k": -1},
        {"seed": -1},
    ],
)
def test_impossible_values_are_refused_by_name_and_value(values):
    name, value = list(values.items())[-1]
    with pytest.raises(ConfigError, match=f"decoding.{name} = {value}"):
        DecodingOptions(**values)


def test_asking_to_sample_ends_the_default_beam_and_back():
    sampling = DecodingOptions().changed(sample=True, temperature=0.7, n_best=3)
    assert (sampling.beam_size, sampling.temperature, sampling.n_best) == (1, 0.7, 3)
    assert sampling.changed(beam_size=4) == DecodingOptions(beam_size=4, n_best=3)
    assert sampling.changed(sample=False, n_best=1) == DecodingOptions(beam_size=1)
    assert sampling.changed(seed=5).sample


def test_a_seed_waits_for_somebody_to_sample_and_who_asks_for_one_has_to():
    """--seed without --sample was once accepted and ignored. A model may have one in its config, for later."""
    waiting = DecodingOptions(seed=4)
    assert waiting.changed(sample=True).seed == 4
    with pytest.raises(ConfigError, match=r"decoding.seed = 5 has no effect while decoding.sample = false"):
        waiting.changed(seed=5)
    with pytest.raises(ConfigError, match="seed = 5"):
        DecodingOptions(beam_size=1, sample=True).changed(seed=5, beam_size=4)


def test_options_say_what_they_ask_for():
    nothing = {"beam_size": 1, "length_penalty": 0.0, "max_length_ratio": 0.0}
    assert DecodingOptions(**nothing, seed=4).demands == {"max_length": 256}  # a length is always limited
    assert DecodingOptions(**nothing, min_length=2).demands == {"max_length": 256, "min_length": 2}
    sampling = DecodingOptions(**nothing, sample=True, top_k=3, seed=4).demands
    assert sampling == {"max_length": 256, "sample": True, "top_k": 3, "seed": 4}


def test_changing_does_not_hide_a_contradiction_or_a_misspelling():
    with pytest.raises(ConfigError, match="beam_size = 4"):
        DecodingOptions().changed(sample=True, beam_size=4)
    with pytest.raises(ConfigError, match=r"decoding\.beam is no option.*beam_size"):
        DecodingOptions().changed(beam=4)


@given(
    source=st.integers(0, 2000),
    prefix=st.integers(0, 100),
    least=st.integers(0, 100),
    most=st.integers(101, 3000),
    ratio=st.sampled_from([0.0, 0.5, 3.0]),
)
def test_a_limit_leaves_room_and_keeps_to_the_maximum(source, prefix, least, most, ratio):
    options = DecodingOptions(max_length=most, min_length=least, max_length_ratio=ratio)
    limit = options.limit(source, prefix)
    assert prefix < limit <= most and least < limit
    assert limit == most or limit >= ratio * source + 32
    assert options.limit(source + 1, prefix) >= limit


def test_a_prefix_that_fills_the_translation_is_refused():
    with pytest.raises(ConfigError, match=r"prefix of 8 tokens.*max_length = 8"):
        DecodingOptions(max_length=8).limit(5, 8)


def test_the_fast_path_loads_no_torch():
    # A cold `dragoman translate` has two seconds; torch alone can take them.
    modules = "dragoman.decoding.options, dragoman.engines.ctranslate2, dragoman.interop.ctranslate2"
    code = f"import sys; sys.path[:] = {sys.path!r}; import {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
