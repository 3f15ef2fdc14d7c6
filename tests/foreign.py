"""Models of other people's making, for the tests of import: transformers' own classes with random weights, saved.

The tokenizers are trained here. The names of files are those that transformers gives them.
"""

from __future__ import annotations

import json
import shutil
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
