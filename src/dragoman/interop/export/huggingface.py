"""A Transformer as transformers' from_pretrained loads it: Marian for post-norm, Pegasus for pre-norm.

Marian is the paper's model, and post-norm only. Of the architectures of transformers that are pre-norm, Pegasus has
Marian's sinusoids and nothing else that would be in the way: M2M-100's waves have other lengths and begin elsewhere,
and mBART norms the embeddings. The tokenizer is Marian's for both, which reads two SentencePiece models as they are.

Dimensions: D model, F feed-forward, V vocabulary.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError, MissingExtraError
from dragoman.files import write_new
from dragoman.ids import BOS, EOS, PAD, SPECIALS, UNK
from dragoman.interop.ctranslate2 import sinusoids
from dragoman.interop.export import bart, m2m100
from dragoman.interop.export.gate import Runtime
from dragoman.interop.naming import NEVER
from dragoman.model.directory import ModelDirectory
from dragoman.transformer.description import NUMBERS, Computes, unlisted

COMPUTES: Computes = {
    **NUMBERS,
    "kind": ("transformer",),
    "norm": ("post", "pre"),
    "activation": tuple(bart.ACTIVATIONS),
    "output_bias": (False, True),
    "source_eos": (True,),  # their tokenizer adds it
    "norm_epsilon": (1e-5,),
    "positions": (
        "sinusoidal",
        "learned",
        "fairseq",
    ),  # a table that is added to the input; the last as M2M-100
    "tie": ("all", "target", "none"),
    "attention_dropout": None,  # of training
}


def refusal(model: ModelDirectory) -> str | None:
    """What of a model these architectures cannot express, or None."""
    settings = model.config["model"]
    if why := unlisted(settings, COMPUTES):
        return f"Marian and Pegasus have no {why}"
    if settings["positions"] == "fairseq":
        why = m2m100.refusal(model)
        return None if why is None else f"model.positions = 'fairseq' is M2M-100's: {why}"
    if settings["norm"] == "pre" and settings["tie"] != "all":
        return f"Pegasus, which is pre-norm, has one table for both languages, not model.tie = {settings['tie']!r}"
    if settings["d_model"] % 2:
        return f"their sinusoids need an even model.d_model, not {settings['d_model']}"
    return None


def write(model: ModelDirectory, directory: Path) -> None:
    """All files of the directory that from_pretrained loads."""
    if why := refusal(model):
        raise ConfigError(f"a Hugging Face export is not possible: {why}")
    if model.config["model"]["positions"] == "fairseq":
        m2m100.write(model, directory)
        return
    joint = model.source_tokenizer.vocabulary() == model.target_tokenizer.vocabulary()
    source, target = ({p: i for i, p in enumerate(t.vocabulary())} for t in _tokenizers(model))
    texts: dict[str, Mapping[str, Any]] = {
        "config.json": settings(model),
        "generation_config.json": bart.generation(DecodingOptions(**model.config["decoding"])),
        "tokenizer_config.json": _tokenizer_settings(model, joint),
        "vocab.json": source,
        **({} if joint else {"target_vocab.json": target}),
    }
    for name, value in texts.items():
        write_new(directory / name, json.dumps(value, ensure_ascii=False, indent=1).encode())
    for name, tokenizer in zip(("source.spm", "target.spm"), _tokenizers(model), strict=True):
        write_new(directory / name, tokenizer.sentencepiece)
    write_new(directory / "model.safetensors", bart.saved(_arrays(model)))


def _tokenizers(model: ModelDirectory) -> Sequence[Any]:
    return model.source_tokenizer, model.target_tokenizer


def settings(model: ModelDirectory) -> dict[str, Any]:
    """config.json."""
    c = model.config["model"]
    kind = "Pegasus" if c["norm"] == "pre" else "Marian"
    marian = {
        "decoder_vocab_size": model.target_tokenizer.vocab_size,
        "share_encoder_decoder_embeddings": c["tie"] == "all",
    }
    return {
        "architectures": ["MarianMTModel" if kind == "Marian" else "PegasusForConditionalGeneration"],
        "model_type": kind.lower(),
        "vocab_size": model.source_tokenizer.vocab_size,
        "d_model": c["d_model"],
        **bart.sizes(c),
        "activation_function": bart.ACTIVATIONS[c["activation"]],
        "max_position_embeddings": _longest(model),
        "scale_embedding": True,
        "tie_word_embeddings": c["tie"] != "none",
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
    order = bart.pairs_to_halves(width)
    if c["tie"] == "all":
        target = weights["embedding.weight"][:, order]
        yield "model.shared.weight", target
    else:
        target = weights["target_embedding.weight"][:, order]
        yield "model.encoder.embed_tokens.weight", weights["source_embedding.weight"][:, order]
        yield "model.decoder.embed_tokens.weight", target
    if c["tie"] == "none":
        yield "lm_head.weight", weights["output.weight"][:, order]
    bias = weights["output_bias"] if c.get("output_bias") else np.zeros(len(target), np.float32)
    yield "final_logits_bias", bias[None]
    for stack in bart.SUBLAYERS:
        yield f"model.{stack}.embed_positions.weight", _places(model, stack)[:, order]
    yield from bart.layers(c, weights, order)


# -- the export at work -------------------------------------------------------------------------------------------


class HuggingFace:
    """The directory in transformers. See gate.Runtime."""

    def __init__(self, model: ModelDirectory, directory: Path) -> None:
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
        source, target = model.source_tokenizer, model.target_tokenizer
        self.lead, self.first = source.pieces(source.lead), list(target.lead)
        self.size = target.vocab_size
        bias = model.weights.get("output_bias")
        self.never = (
            [BOS] if bias is not None and bias[BOS] <= NEVER else []
        )  # of models that came from elsewhere
        self.marks = [BOS, PAD, EOS, UNK] if self.model.config.pad_token_id else [PAD, UNK, BOS, EOS]

    def theirs(self, ids: Sequence[int]) -> list[int]:
        """Their numbers of our ids: only the special ones may stand otherwise."""
        return [self.marks.index(i) if i < len(self.marks) else i for i in ids]

    def ours(self, ids: Sequence[int]) -> list[int]:
        return [self.marks[i] if i < len(self.marks) else i for i in ids]

    def encode(self, text: str) -> list[int]:
        told = (
            text if self.first else "".join(self.lead) + text
        )  # M2M-100's tokenizer names the language by itself
        return self.ours(self.tokenizer(told)["input_ids"])[:-1]

    def log_probabilities(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            inputs, labels = (torch.tensor([self.theirs(row)]) for row in ([BOS, *target], [*target, EOS]))
            ids = torch.tensor([self.theirs([*source, EOS])])
            logits = self.model(ids, decoder_input_ids=inputs).logits[0].float()
            # What is never written: what is not here, and the rows that fill their table up.
            logits[:, self.theirs(self.never)] = logits[:, self.size :] = -np.inf
            return logits.log_softmax(-1).gather(1, labels.T)[:, 0].numpy()

    def search(self, source: Sequence[int], options: DecodingOptions) -> list[int]:
        import torch

        with torch.inference_mode():
            found = self.model.generate(
                torch.tensor([self.theirs([*source, EOS])]),
                num_beams=options.beam_size,
                length_penalty=options.length_penalty,
                max_length=options.max_length + 1,
                forced_bos_token_id=self.theirs(self.first)[0] if self.first else None,
            )
        return [i for i in self.ours(found[0].tolist())[1:] if i not in (EOS, PAD)]


def runtime(model: ModelDirectory, directory: Path) -> Runtime:
    return HuggingFace(model, directory)
