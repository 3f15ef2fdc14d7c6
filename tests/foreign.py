"""Models of other people's making, for the tests of import: transformers' own classes with random weights, saved.

The tokenizers are trained here. The names of files are those that transformers gives them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from tiny import lines

LEADS = (">>cmn_Hans<<", ">>cmn_Hant<<", ">>fra<<")
README = "---\nlanguage: en\nlicense: apache-2.0\n---\n# a model\n"


def trained(path: Path, texts: list[str], size: int, **more: Any) -> sentencepiece.SentencePieceProcessor:
    """A SentencePiece model as others train it: <unk> 0, no byte fallback, the default normalisation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=file,
            vocab_size=size,
            hard_vocab_limit=False,
            minloglevel=2,
            **more,
        )
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def pieces_of(spm: sentencepiece.SentencePieceProcessor) -> list[str]:
    return [
        spm.id_to_piece(i)
        for i in range(spm.get_piece_size())
        if not (spm.is_control(i) or spm.is_unknown(i))
    ]


def livened(model: Any, seed: int = 0) -> Any:
    """Weights far from the start, so that a model says many things and ends its sentences."""
    import torch

    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if "embed_positions" in name:
            continue
        spread = 0.1 if weight.dim() == 1 else 1.5 * weight.shape[-1] ** -0.5
        weight.data = (1.0 if name.endswith("norm.weight") else 0.0) + spread * torch.randn_like(weight)
    return model.eval()


def marian(
    directory: Path,
    leads: tuple[str, ...] = (),
    size: int = 300,
    fill: int = 0,
    seed: int = 0,
    **settings: Any,
) -> Any:
    """An OPUS-MT model in `directory`, as Hugging Face keeps them; returns transformers' model.

    fill: so many pieces in all, with made-up ones at the end, where the vocabulary is to be as large as a real one.
    """
    import torch
    from transformers import MarianConfig, MarianMTModel

    texts = lines(1, 2000)
    directory.mkdir(parents=True, exist_ok=True)
    source = trained(directory / "source.spm", texts[0::2], size)
    target = trained(directory / "target.spm", texts[1::2], size)
    # Some pieces have no number, as in real models, where the vocabulary was counted in other text.
    known = list(dict.fromkeys(pieces_of(source)[:-5] + pieces_of(target)))
    words = ["</s>", "<unk>", *known, *leads]
    words += [f"▁made{i}" for i in range(fill - len(words) - 1)]
    vocabulary = {word: i for i, word in enumerate([*words, "<pad>"])}
    (directory / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps({"source_lang": "en", "target_lang": "zh"}))
    (directory / "README.md").write_text(README)
    pad = vocabulary["<pad>"]
    config = MarianConfig(
        **dict(
            vocab_size=len(vocabulary), d_model=32, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=64,
            decoder_ffn_dim=64, encoder_attention_heads=2, decoder_attention_heads=2, activation_function="swish",
            scale_embedding=True, pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0, forced_eos_token_id=0,
            num_beams=4, max_position_embeddings=512, static_position_embeddings=True, normalize_before=False,
        )
        | settings
    )  # fmt: skip
    torch.manual_seed(seed)
    model = livened(MarianMTModel(config), seed)
    model.final_logits_bias = 0.3 * torch.randn(1, len(vocabulary))
    model.final_logits_bias[0, 0] = 1.0  # it ends
    model.model.shared.weight.data[pad] = 0
    model.save_pretrained(directory)
    return model


def m2m100(directory: Path, size: int = 300, seed: int = 0, **settings: Any) -> Any:
    """An M2M-100 model in `directory`."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    directory.mkdir(parents=True, exist_ok=True)
    spm = trained(directory / "sentencepiece.bpe.model", lines(1, 2000), size)
    words = ["<s>", "<pad>", "</s>", "<unk>", *pieces_of(spm)]
    (directory / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}, ensure_ascii=False))
    files = directory / "vocab.json", directory / "sentencepiece.bpe.model"
    tokenizer = M2M100Tokenizer(*map(str, files), src_lang="en", tgt_lang="zh")
    copied = directory.parent / f"{directory.name}-tokenizer"
    tokenizer.save_pretrained(copied)
    for path in copied.iterdir():
        shutil.copy(path, directory / path.name)
    model = _m2m(len(words) + 100 + 8, seed, settings, M2M100Config, M2M100ForConditionalGeneration)
    (directory / "README.md").write_text(README.replace("apache-2.0", "mit"))
    assert isinstance(model, torch.nn.Module)
    model.save_pretrained(directory)
    return model


def _m2m(rows: int, seed: int, settings: dict[str, Any], config: Any, cls: Any) -> Any:
    import torch

    torch.manual_seed(seed)
    made = config(
        **dict(
            vocab_size=rows, d_model=32, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
            encoder_attention_heads=2, decoder_attention_heads=2, max_position_embeddings=256, scale_embedding=True,
        )
        | settings
    )  # fmt: skip
    return livened(cls(made), seed)


def opennmt(
    directory: Path,
    shared: bool = True,
    size: int = 300,
    seed: int = 0,
    layers: tuple[int, int] = (2, 2),
    width: int = 32,
    quantization: str | None = None,
    more: tuple[str, ...] = (),
    **options: Any,
) -> Path:
    """A model of OpenNMT-py in CTranslate2's format, made by CTranslate2's own converter from a checkpoint like theirs.

    Pre-norm, and no </s> behind a source. shared: one table of tokens for both languages and the output; else a
    vocabulary a side, and that of the source has neither <s> nor </s>. options: of OpenNMT-py (pos_ffn_activation_fn).
    more: tokens of the vocabulary that are no pieces of the SentencePiece model.
    """
    import torch
    from ctranslate2.converters import OpenNMTPyConverter

    directory.parent.mkdir(parents=True, exist_ok=True)
    texts = lines(1, 2000)
    spm = trained(directory.parent / "sentencepiece.model", texts, size)
    words = [*more, *pieces_of(spm)]
    target = ["<unk>", "<blank>", "<s>", "</s>", *words]
    source = target if shared else ["<unk>", "<blank>", *words[: len(words) * 2 // 3]]
    torch.manual_seed(seed)
    weights = dict(_opennmt_weights(len(source), len(target), layers, width, shared))
    generator = {"weight": weights["decoder.embeddings.make_embedding.emb_luts.0.weight"]}
    if not shared:
        generator = {"weight": torch.randn(len(target), width) * 0.3}
    generator["bias"] = 0.3 * torch.randn(len(target))
    generator["bias"][:3] = -40.0  # what a trained model never writes
    generator["bias"][3] += 7.0 if shared else 4.0  # it ends
    asked = argparse.Namespace(
        **dict(
            encoder_type="transformer", decoder_type="transformer", position_encoding=True, enc_layers=layers[0],
            dec_layers=layers[1], heads=2, max_relative_positions=0,
        )
        | options
    )  # fmt: skip
    checkpoint = directory.parent / "averaged.pt"
    torch.save(
        {"vocab": {"src": source, "tgt": target}, "opt": asked, "model": weights, "generator": generator},
        checkpoint,
    )
    OpenNMTPyConverter(str(checkpoint), unsafe_deserialization=True).convert(
        str(directory), quantization=quantization
    )
    shutil.copy(directory.parent / "sentencepiece.model", directory)
    return directory


def says(directory: Path, **settings: Any) -> Path:
    """The same model, whose config.json says this, as the converters of other tools write it."""
    config = directory / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | settings))
    return directory


def _opennmt_weights(
    source: int, target: int, layers: tuple[int, int], width: int, shared: bool
) -> Iterator[tuple[str, Any]]:
    """By the names that OpenNMT-py gives them; <blank> is zeros, as its padding is."""
    import torch

    from dragoman.interop.ctranslate2 import sinusoids

    waves = torch.from_numpy(sinusoids(5000, width))[:, None]
    # Small rows under a large last norm: what is written depends on more than the token before it.
    tables = [0.1 * torch.randn(size, width) for size in (source, target)]
    for stack, table in zip(("encoder", "decoder"), tables[1:] * 2 if shared else tables, strict=True):
        yield f"{stack}.embeddings.make_embedding.pe.pe", waves
        yield f"{stack}.embeddings.make_embedding.emb_luts.0.weight", table
        yield from _norm(f"{stack}.layer_norm", width, 5.0 if stack == "decoder" and shared else 1.0)

    def linear(name: str, rows: int, columns: int) -> Iterator[tuple[str, Any]]:
        yield f"{name}.weight", torch.randn(rows, columns) * 1.5 * columns**-0.5
        yield f"{name}.bias", 0.1 * torch.randn(rows)

    for stack, depth, name, attentions in (
        ("encoder", layers[0], "transformer", ("self_attn",)),
        ("decoder", layers[1], "transformer_layers", ("self_attn", "context_attn")),
    ):
        for i in range(depth):
            layer = f"{stack}.{name}.{i}"
            for part in attentions:
                for kind in ("linear_query", "linear_keys", "linear_values", "final_linear"):
                    yield from linear(f"{layer}.{part}.{kind}", width, width)
                yield f"{layer}.{part}.relative_positions_embeddings.weight", torch.randn(41, width // 2)
            yield from linear(f"{layer}.feed_forward.w_1", 2 * width, width)
            yield from linear(f"{layer}.feed_forward.w_2", width, 2 * width)
            norms = ("layer_norm",) if stack == "encoder" else ("layer_norm_1", "layer_norm_2")
            for norm in (*norms, "feed_forward.layer_norm"):
                yield from _norm(f"{layer}.{norm}", width)


def _norm(name: str, width: int, gain: float = 1.0) -> Iterator[tuple[str, Any]]:
    import torch

    yield f"{name}.weight", gain + 0.1 * torch.randn(width)
    yield f"{name}.bias", 0.1 * torch.randn(width)


def packaged(model: Path, path: Path, spm: Path, **label: Any) -> Path:
    """An Argos package of a CTranslate2 directory, as argos-train and Locomotive zip it."""
    name = "translate-en_zh-1_0"
    said = {"package_version": "1.0", "argos_version": "1.9.0", "from_code": "en", "from_name": "English",
            "to_code": "zh", "to_name": "Chinese"} | label  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(f"{name}/metadata.json", json.dumps(said))
        package.write(spm, f"{name}/sentencepiece.model")
        package.writestr(f"{name}/stanza/en/tokenize/x.pt", "not read")
        for one in sorted(model.iterdir()):
            package.write(one, f"{name}/model/{one.name}")
    return path


def odd_lines(count: int, seed: int = 0) -> list[str]:
    """Lines with characters of many kinds: what users paste, and what no user would."""
    draw = np.random.default_rng(seed)
    plain = lines(seed, count)
    odd = list(
        "，。！？：；“”‘’…—·×÷½²①㎏ﬁǅİıßŒ\u00a0\u200b\u200d\ufeff\t\u3000\u0301\u0327😀👩‍👩‍👧🇨🇳e\u0301각가한글ひらカナｶﾅ٠١עברית𠀀𝔘\u2028\x0b<>&\"'`|\\/{}[]()*&^%$#@!~+=_-0123456789０１２ＡＢ"
    )
    found = []
    for line in plain:
        letters = list(line)
        for _ in range(int(draw.integers(0, 6))):
            letters.insert(int(draw.integers(0, len(letters) + 1)), str(draw.choice(odd)))
        found.append("".join(letters))
    return found


def m2m_languages() -> list[str]:
    """As transformers has them."""
    from transformers.models.m2m_100 import tokenization_m2m_100

    return list(tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["m2m100"])


def nllb(directory: Path, size: int = 400, seed: int = 0, **settings: Any) -> Any:
    """An NLLB model in `directory`: BPE, numbered one on from SentencePiece, then the languages."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    directory.mkdir(parents=True, exist_ok=True)
    trained(
        directory / "sentencepiece.bpe.model", [*lines(1, 2000), *odd_lines(300, 7)], size, model_type="bpe"
    )
    tokenizer = NllbTokenizer.from_pretrained(
        directory, extra_special_tokens=FAIRSEQ_LANGUAGE_CODES, src_lang="eng_Latn", tgt_lang="zho_Hans"
    )
    copied = directory.parent / f"{directory.name}-tokenizer"
    tokenizer.save_pretrained(copied)
    for path in copied.iterdir():
        shutil.copy(path, directory / path.name)
    model = _m2m(len(tokenizer) + 4, seed, settings, M2M100Config, M2M100ForConditionalGeneration)
    (directory / "README.md").write_text(README.replace("apache-2.0", "cc-by-nc-4.0"))
    model.save_pretrained(directory)
    return model
