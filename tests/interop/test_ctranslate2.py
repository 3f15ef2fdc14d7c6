"""Files for CTranslate2: complete, small, refused when they cannot be right."""

from __future__ import annotations

import json
from dataclasses import replace

import ctranslate2
import numpy as np
import pytest
import torch

from dragoman.errors import ModelError
from dragoman.interop.ctranslate2 import LARGEST, _quantised, convert, export, sinusoids
from dragoman.transformer import positions
from dragoman.transformer.model import Transformer, TransformerConfig

VOCABULARY = ["<pad>", "<unk>", "<s>", "</s>", *(f"▁{i}" for i in range(4, 40))]
CONFIG = TransformerConfig(d_model=16, d_ff=32, n_heads=2, encoder_layers=1, decoder_layers=1, norm="pre")


def weights(config: TransformerConfig = CONFIG) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return Transformer(config, len(VOCABULARY), len(VOCABULARY)).state_dict()


def open_files(files: dict[str, bytes], compute_type: str = "float32") -> ctranslate2.Translator:
    return ctranslate2.Translator("model", files=files, compute_type=compute_type, intra_threads=1)


def answer(translator: ctranslate2.Translator, **options) -> tuple[list[str], float]:
    (result,) = translator.translate_batch(
        [VOCABULARY[5:12]], return_scores=True, max_decoding_length=12, beam_size=1, **options
    )
    return result.hypotheses[0], result.scores[0]


def test_sinusoids_are_the_models_own():
    assert (sinusoids(300, 16) == positions.sinusoids(300, 16).numpy()).all()


def test_any_program_can_open_the_exported_directory(tmp_path):
    export(weights(), CONFIG, VOCABULARY, VOCABULARY, tmp_path / "model")
    words, score = answer(ctranslate2.Translator(str(tmp_path / "model"), compute_type="float32"))
    assert (words, score) == answer(open_files(convert(weights(), CONFIG, VOCABULARY, VOCABULARY)))
    assert len(words) > 1 and set(words) <= set(VOCABULARY)


def test_numbers_of_any_kind_make_the_same_file():
    as_tensors = convert(weights(), CONFIG, VOCABULARY, VOCABULARY)
    halves = {name: weight.half() for name, weight in weights().items()}
    as_arrays = convert({name: w.numpy() for name, w in weights().items()}, CONFIG, VOCABULARY, VOCABULARY)
    assert as_tensors == as_arrays
    assert convert(halves, CONFIG, VOCABULARY, VOCABULARY) == convert(
        {name: weight.float() for name, weight in halves.items()}, CONFIG, VOCABULARY, VOCABULARY
    )


def test_what_is_tied_is_stored_once():
    sizes = [
        len(convert(weights(c), c, VOCABULARY, VOCABULARY)["model.bin"])
        for c in (replace(CONFIG, tie=tie) for tie in ("all", "target", "none"))
    ]
    table = len(VOCABULARY) * CONFIG.d_model * 4
    assert sizes[1] - sizes[0] == pytest.approx(table, abs=100) == sizes[2] - sizes[1]


@pytest.mark.parametrize("activation", ["relu", "swiglu"])
@pytest.mark.parametrize("tie", ["all", "none"])
def test_int8_is_the_int8_that_ctranslate2_makes_itself(activation, tie):
    config = replace(CONFIG, activation=activation, tie=tie)
    whole = convert(weights(config), config, VOCABULARY, VOCABULARY)
    small = convert(weights(config), config, VOCABULARY, VOCABULARY, "int8")
    assert answer(open_files(small, "int8")) == answer(open_files(whole, "int8"))
    assert len(small["model.bin"]) < len(whole["model.bin"])


def test_int7_uses_seven_bits_of_int8():
    arrays, scales = _quantised(
        {"a/weight": np.array([[0.5, -2.0], [0.0, 0.0]], np.float32)}, LARGEST["int7"]
    )
    assert arrays["a/weight"].tolist() == [[16, -63], [0, 0]]
    assert scales["a/weight_scale"].tolist() == [31.5, 1.0]
    whole, small = (convert(weights(), CONFIG, VOCABULARY, VOCABULARY, of) for of in ("float32", "int7"))
    assert answer(open_files(small, "int8"))[0] == answer(open_files(whole, "float32"))[0]


def test_float16_halves_the_file():
    whole = convert(weights(), CONFIG, VOCABULARY, VOCABULARY)
    half = convert(weights(), CONFIG, VOCABULARY, VOCABULARY, "float16")
    assert len(half["model.bin"]) == pytest.approx(len(whole["model.bin"]) / 2, rel=0.05)
    assert answer(open_files(half))[1] == pytest.approx(answer(open_files(whole))[1], abs=1e-2)


def test_one_vocabulary_is_stored_once_and_two_apart():
    other = [f"{word}'" for word in VOCABULARY]
    config = replace(CONFIG, tie="target")
    joint = convert(weights(config), config, VOCABULARY, VOCABULARY)
    apart = convert(weights(config), config, VOCABULARY, other)
    assert json.loads(joint["shared_vocabulary.json"]) == VOCABULARY
    assert json.loads(apart["target_vocabulary.json"]) == other
    assert set(answer(open_files(apart))[0]) <= set(other)


def test_a_string_for_two_ids_is_refused():
    twice = [*VOCABULARY[:-1], VOCABULARY[7]]
    with pytest.raises(ModelError, match=r"source vocabulary holds '▁7' twice.*torch engine"):
        convert(weights(), CONFIG, twice, twice)


def test_a_vocabulary_of_another_size_is_refused():
    with pytest.raises(ModelError, match="target vocabulary has 39 tokens, but the weights have 40 rows"):
        convert(weights(), CONFIG, VOCABULARY, VOCABULARY[:-1])
