"""Every setting of their configurations, and every activation they know: read right, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import safetensors.torch
import torch
from torch import nn

from dragoman.errors import ModelError
from dragoman.interop import huggingface
from dragoman.interop.huggingface import read_bert, read_gpt2
from dragoman.lineage.bert import BertConfig
from dragoman.lineage.gpt import GptConfig

transformers = pytest.importorskip("transformers")

GPT2 = {"vocab_size": 50, "n_positions": 20, "n_embd": 24, "n_layer": 2, "n_head": 3}
BERT = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
        "intermediate_size": 40, "max_position_embeddings": 20}  # fmt: skip
READERS: dict[str, Callable[[Path], nn.Module]] = {"gpt2": read_gpt2, "bert": read_bert}
OURS = {"gpt2": GptConfig, "bert": BertConfig}
THEIR_NAMES = {"gpt2": huggingface._GPT2, "bert": huggingface._BERT}
ONLY = {"gpt2": huggingface._GPT2_ONLY, "bert": huggingface._BERT_ONLY}
ACTIVATION = {"gpt2": "activation_function", "bert": "hidden_act"}
ONE_VALUE = [(kind, key) for kind, settings in ONLY.items() for key in settings]

# What changes nothing that the model computes for a text, and why.
NO_MATTER = {
    *("model_type", "architectures", "transformers_version", "_name_or_path", "dtype"),  # what the file is
    *("vocab_size", "tie_word_embeddings"),  # seen in the weights
    *("bos_token_id", "eos_token_id", "pad_token_id"),  # of their generation
    *("output_hidden_states", "output_attentions", "return_dict", "use_cache"),  # what is given back
    "chunk_size_feed_forward",  # the same numbers, piece by piece
    *("is_encoder_decoder", "id2label", "label2id", "problem_type"),  # of other kinds and heads
    *(
        "summary_type",
        "summary_use_proj",
        "summary_activation",
        "summary_proj_to_labels",
    ),  # a head of GPT-2's
    *("summary_first_dropout", "classifier_dropout", "embd_pdrop"),  # of their training
    "initializer_range",
}


def write(directory: Path, kind: str, **settings: Any) -> Any:
    """A model of random weights, as transformers writes it; the model too."""
    torch.manual_seed(0)
    if kind == "gpt2":
        model = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(**GPT2 | settings, bos_token_id=0, eos_token_id=0)
        )
    else:
        model = transformers.BertForPreTraining(transformers.BertConfig(**BERT | settings))
    for weight in model.parameters():  # far from its small start values, so that every part matters
        nn.init.normal_(weight, std=0.3)
    model.eval().save_pretrained(directory)
    return model


def change(directory: Path, **settings: Any) -> None:
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | settings))


@torch.no_grad()
def same(kind: str, theirs: Any, ours: Any) -> None:
    tokens = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    if kind == "gpt2":
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=2e-4, rtol=1e-4)
        return
    found = ours.words(ours.encode(tokens, torch.ones_like(tokens, dtype=torch.bool)))
    torch.testing.assert_close(found, theirs(tokens).prediction_logits, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", READERS)
def test_every_setting_of_theirs_is_read_or_refused_or_does_not_matter(kind: str) -> None:
    """scale_attn_weights = false and is_decoder = true were once read as if they were not there."""
    there = {"gpt2": transformers.GPT2Config, "bert": transformers.BertConfig}[kind]().to_dict()
    known = {*THEIR_NAMES[kind].values(), ACTIVATION[kind], *ONLY[kind], *NO_MATTER}
    assert not there.keys() - known, "new in transformers: does it change what a model computes?"


@pytest.mark.parametrize("kind, key", ONE_VALUE)
def test_what_is_not_computed_is_refused_by_name(tmp_path: Path, kind: str, key: str) -> None:
    computed = ONLY[kind][key]
    theirs = write(tmp_path, kind)
    change(tmp_path, **{key: computed})
    same(kind, theirs, READERS[kind](tmp_path))
    other = not computed if isinstance(computed, bool) else "relative_key"
    change(tmp_path, **{key: other})
    said = f"config.json: {key} = {json.dumps(other)}: only {json.dumps(computed)} is computed"
    with pytest.raises(ModelError, match=said):
        READERS[kind](tmp_path)
    change(tmp_path, **{key: None})  # as if it were not there
    same(kind, theirs, READERS[kind](tmp_path))


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", sorted(transformers.activations.ACT2FN))
def test_every_activation_of_theirs_is_the_same_here_or_refused_by_name(
    tmp_path: Path, kind: str, name: str
) -> None:
    if name not in huggingface._ACTIVATIONS:
        write(tmp_path, kind)
        change(tmp_path, **{ACTIVATION[kind]: name})
        with pytest.raises(ModelError, match=f"{ACTIVATION[kind]} = '{name}': must be one of"):
            READERS[kind](tmp_path)
        return
    theirs = write(tmp_path, kind, **{ACTIVATION[kind]: name})
    same(kind, theirs, READERS[kind](tmp_path))


@pytest.mark.parametrize("kind", READERS)
def test_the_activations_that_are_read_are_all_ours_but_those_they_have_not(kind: str) -> None:
    ours = set(get_args(get_type_hints(OURS[kind])["activation"]))
    assert ours - {"swiglu"} == set(huggingface._ACTIVATIONS.values())  # their GPT-2 has no gate


@pytest.mark.parametrize(
    "kind, stored, of",
    [
        ("gpt2", "lm_head.weight", "transformer.wte.weight"),
        ("bert", "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
        ("bert", "cls.predictions.decoder.bias", "cls.predictions.bias"),
    ],
)
def test_an_output_that_is_not_the_token_table_is_refused(
    tmp_path: Path, kind: str, stored: str, of: str
) -> None:
    """A BERT whose output was a table of its own was once read with the token table in its place."""
    theirs = write(tmp_path, kind)
    weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
    weights[stored] = weights[of].clone()
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    same(kind, theirs, READERS[kind](tmp_path))
    weights[stored] = weights[of] + 1
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=f"{stored} differs from .*: here they are one weight"):
        READERS[kind](tmp_path)
