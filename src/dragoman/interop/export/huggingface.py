"""A Transformer as transformers' from_pretrained loads it: Marian for post-norm, Pegasus for pre-norm.

Marian is the paper's model, and post-norm only. Of the architectures of transformers that are pre-norm, Pegasus has
Marian's sinusoids and nothing else that would be in the way: M2M-100's waves have other lengths and begin elsewhere,
and mBART norms the embeddings. The tokenizer is Marian's for both, which reads two SentencePiece models as they are.

Their sinusoids stand in halves, sines before cosines; here they alternate. Features are only names, so all weights
are written with the features of the residual stream in another order: no number changes.

Dimensions: D model, F feed-forward, V vocabulary.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError, MissingExtraError
from dragoman.files import write_new
from dragoman.ids import BOS, EOS, PAD, SPECIALS, UNK, UNWRITTEN
from dragoman.interop.ctranslate2 import sinusoids
from dragoman.interop.export.gate import Runtime
from dragoman.model.directory import ModelDirectory
from dragoman.transformer.description import NUMBERS, Computes, unlisted

COMPUTES: Computes = {
    **NUMBERS,
    "kind": ("transformer",),
    "norm": ("post", "pre"),
    "activation": ("relu", "gelu", "swish"),
    "output_bias": (False, True),
    "source_eos": (True,),  # their tokenizer adds it
    "positions": ("sinusoidal", "learned"),  # a table that is added to the input
    "tie": ("all", "target"),
    "attention_dropout": None,  # of training
}
_SUBLAYERS = {
    "encoder": ("self_attn_layer_norm", "final_layer_norm"),
    "decoder": ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"),
}


def refusal(model: ModelDirectory) -> str | None:
    """What of a model these architectures cannot express, or None."""
    settings = model.config["model"]
    if why := unlisted(settings, COMPUTES):
        return f"Marian and Pegasus have no {why}"
    if settings["norm"] == "pre" and settings["tie"] != "all":
        return f"Pegasus, which is pre-norm, has one table for both languages, not model.tie = {settings['tie']!r}"
    if settings["d_model"] % 2:
        return f"their sinusoids need an even model.d_model, not {settings['d_model']}"
    return None


def write(model: ModelDirectory, directory: Path) -> None:
    """All files of the directory that from_pretrained loads."""
    if why := refusal(model):
        raise ConfigError(f"a Hugging Face export is not possible: {why}")
    joint = model.source_tokenizer is model.target_tokenizer
    source, target = ({p: i for i, p in enumerate(t.vocabulary())} for t in _tokenizers(model))
    texts: dict[str, Mapping[str, Any]] = {
        "config.json": settings(model),
        "generation_config.json": generation(DecodingOptions(**model.config["decoding"])),
        "tokenizer_config.json": _tokenizer_settings(model, joint),
        "vocab.json": source,
        **({} if joint else {"target_vocab.json": target}),
    }
    for name, value in texts.items():
        write_new(directory / name, json.dumps(value, ensure_ascii=False, indent=1).encode())
    for name, tokenizer in zip(("source.spm", "target.spm"), _tokenizers(model), strict=True):
        write_new(directory / name, tokenizer.serialized)
    arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in _arrays(model)}
    # save_pretrained says so too, and older versions refuse a file that does not.
    data = safetensors.numpy.save(arrays, metadata={"format": "pt"})
    write_new(directory / "model.safetensors", data)


def _tokenizers(model: ModelDirectory) -> Sequence[Any]:
    return model.source_tokenizer, model.target_tokenizer


def settings(model: ModelDirectory) -> dict[str, Any]:
    """config.json."""
    c = model.config["model"]
    kind = "Pegasus" if c["norm"] == "pre" else "Marian"
    sizes = {
        f"{side}_{theirs}": c[ours]
        for side in ("encoder", "decoder")
        for theirs, ours in (
            ("layers", f"{side}_layers"), ("attention_heads", "n_heads"), ("ffn_dim", "d_ff"),
        )
    }  # fmt: skip
    marian = {
        "decoder_vocab_size": model.target_tokenizer.vocab_size,
        "share_encoder_decoder_embeddings": c["tie"] == "all",
    }
    return {
        "architectures": ["MarianMTModel" if kind == "Marian" else "PegasusForConditionalGeneration"],
        "model_type": kind.lower(),
        "vocab_size": model.source_tokenizer.vocab_size,
        "d_model": c["d_model"],
        **sizes,
        "activation_function": c["activation"],
        "max_position_embeddings": _longest(model),
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "dropout": c["dropout"],
        "attention_dropout": c["attention_dropout"],
        "activation_dropout": 0.0,
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "decoder_start_token_id": BOS,
        "forced_eos_token_id": None,
        "is_encoder_decoder": True,
        "torch_dtype": "float32",
        **(marian if kind == "Marian" else {}),
    }


def _longest(model: ModelDirectory) -> int:
    """Positions that there are: sinusoids go on for ever, a table does not."""
    c = model.config["model"]
    return int(c["max_length"]) if c["positions"] == "learned" else max(512, int(c["max_length"]))


def _places(model: ModelDirectory, stack: str) -> np.ndarray:
    """What is added at each position [N, D]."""
    c = model.config["model"]
    if c["positions"] == "learned":
        return model.weights[f"{'source' if stack == 'encoder' else 'target'}_input.learned.weight"]
    return sinusoids(_longest(model), c["d_model"])


def generation(options: DecodingOptions) -> dict[str, Any]:
    """generation_config.json: the model's own search, as far as it has names there."""
    return {
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "decoder_start_token_id": BOS,
        "num_beams": 1 if options.sample else options.beam_size,
        "length_penalty": options.length_penalty,
        "max_length": options.max_length + 1,  # <s> counts
        "early_stopping": True,  # a beam is over when it has found as many endings as it is wide
        "suppress_tokens": list(UNWRITTEN),
        "renormalize_logits": True,  # probabilities are among the tokens that may be written
        **({"no_repeat_ngram_size": options.no_repeat_ngram} if options.no_repeat_ngram else {}),
        **({"min_length": options.min_length + 1} if options.min_length else {}),
    }


def _tokenizer_settings(model: ModelDirectory, joint: bool) -> dict[str, Any]:
    source, target = model.languages
    return {
        "tokenizer_class": "MarianTokenizer",
        "source_lang": source,
        "target_lang": target,
        "unk_token": SPECIALS[UNK],
        "bos_token": SPECIALS[BOS],  # or the first token of each translation would be told as text
        "eos_token": SPECIALS[EOS],
        "pad_token": SPECIALS[PAD],
        "model_max_length": _longest(model),
        "separate_vocabs": not joint,
    }


# -- weights ------------------------------------------------------------------------------------------------------


def _arrays(model: ModelDirectory) -> Iterator[tuple[str, np.ndarray]]:
    c, weights = model.config["model"], model.weights
    width = c["d_model"]
    order = np.concatenate((np.arange(0, width, 2), np.arange(1, width, 2)))  # the sines, then the cosines
    if c["tie"] == "all":
        target = weights["embedding.weight"][:, order]
        yield "model.shared.weight", target
    else:
        target = weights["target_embedding.weight"][:, order]
        yield "model.encoder.embed_tokens.weight", weights["source_embedding.weight"][:, order]
        yield "model.decoder.embed_tokens.weight", target
    bias = weights["output_bias"] if c.get("output_bias") else np.zeros(len(target), np.float32)
    yield "final_logits_bias", bias[None]
    for stack, norms in _SUBLAYERS.items():
        yield f"model.{stack}.embed_positions.weight", _places(model, stack)[:, order]
        if c["norm"] == "pre":
            yield from _norm(weights, f"{stack}.norm", f"model.{stack}.layer_norm", order)
        for i in range(c[f"{stack}_layers"]):
            ours, theirs = f"{stack}.layers.{i}", f"model.{stack}.layers.{i}"
            yield from _attention(weights, f"{ours}.self_attention", f"{theirs}.self_attn", order)
            if stack == "decoder":
                yield from _attention(weights, f"{ours}.cross_attention", f"{theirs}.encoder_attn", order)
            yield from _reads(weights, f"{ours}.feed_forward.inner", f"{theirs}.fc1", order)
            yield from _writes(weights, f"{ours}.feed_forward.outer", f"{theirs}.fc2", order)
            for j, norm in enumerate(norms):
                yield from _norm(weights, f"{ours}.residuals.{j}.norm", f"{theirs}.{norm}", order)


Weights = Mapping[str, np.ndarray]
Named = Iterator[tuple[str, np.ndarray]]


def _attention(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    for name in "qkv":
        yield from _reads(weights, f"{ours}.{name}", f"{theirs}.{name}_proj", order)
    yield from _writes(weights, f"{ours}.output", f"{theirs}.out_proj", order)


def _reads(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    """A layer that reads the residual stream: its columns follow the stream's features."""
    yield f"{theirs}.weight", weights[f"{ours}.weight"][:, order]
    yield f"{theirs}.bias", weights[f"{ours}.bias"]


def _writes(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    yield f"{theirs}.weight", weights[f"{ours}.weight"][order]
    yield f"{theirs}.bias", weights[f"{ours}.bias"][order]


def _norm(weights: Weights, ours: str, theirs: str, order: np.ndarray) -> Named:
    for part in ("weight", "bias"):
        yield f"{theirs}.{part}", weights[f"{ours}.{part}"][order]


# -- the export at work -------------------------------------------------------------------------------------------


class HuggingFace:
    """The directory in transformers. See gate.Runtime."""

    def __init__(self, directory: Path) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it recommends sacremoses, which would change the text
                from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
                from transformers.utils import logging

                logging.disable_progress_bar()  # type: ignore[no-untyped-call]
                self.tokenizer = AutoTokenizer.from_pretrained(directory)
                self.model = AutoModelForSeq2SeqLM.from_pretrained(directory).eval()
        except ImportError as error:
            raise MissingExtraError(
                "a Hugging Face export is compared with its model by transformers: install it with  "
                "pip install 'dragoman[huggingface]'"
            ) from error

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])[:-1]

    def log_probabilities(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            inputs, labels = torch.tensor([[BOS, *target]]), torch.tensor([[*target, EOS]])
            logits = self.model(torch.tensor([[*source, EOS]]), decoder_input_ids=inputs).logits[0]
            return logits.float().log_softmax(-1).gather(1, labels.T)[:, 0].numpy()

    def search(self, source: Sequence[int], options: DecodingOptions) -> list[int]:
        import torch

        with torch.inference_mode():
            found = self.model.generate(
                torch.tensor([[*source, EOS]]),
                num_beams=options.beam_size,
                length_penalty=options.length_penalty,
                max_length=options.max_length + 1,
            )
        return [i for i in found[0].tolist()[1:] if i not in (EOS, PAD)]


def runtime(model: ModelDirectory, directory: Path) -> Runtime:
    return HuggingFace(directory)
