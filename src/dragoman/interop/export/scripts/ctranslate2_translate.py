"""Translate with ctranslate2 and sentencepiece alone; nothing of what trained the model is needed.

    pip install ctranslate2 sentencepiece
    python translate.py "How are you?"
    python translate.py < lines.txt
    python translate.py --source-lang de --target-lang fr < lines.txt   # of a model of many languages

One line in, one line out. A sentence a line: nothing here cuts a text into sentences.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import ctranslate2
import sentencepiece

HERE = Path(__file__).parent
NEVER = ("<pad>", "<unk>", "<s>")


def translate(
    lines: list[str], source_lang: str = "", target_lang: str = "", compute_type: str = "default"
) -> list[str]:
    """compute_type: "int8" is fastest on a CPU, "float32" computes as the model was trained.

    Languages: of a model of many, by its own names for them.
    """
    source, target = (
        sentencepiece.SentencePieceProcessor(model_proto=(HERE / name).read_bytes())
        for name in ("source.spm", "target.spm")
    )
    asked = json.loads((HERE / "decoding.json").read_text(encoding="utf-8"))
    usual = asked.get("languages", {})
    named = {"source": source_lang or usual.get("source"), "target": target_lang or usual.get("target")}
    before, first = (_lead(asked, side, named) for side in ("source", "target"))
    told = {*asked.get("leads", {}).get("target", {}).get("tokens", {}).values()}  # no text
    model = ctranslate2.Translator(str(HERE), compute_type=compute_type)
    results = model.translate_batch(
        [before + source.encode(line, out_type=str) for line in lines],
        target_prefix=[first] * len(lines) if first else None,
        beam_size=asked["beam_size"],
        length_penalty=asked["length_penalty"],
        max_decoding_length=asked["max_length"],
        min_decoding_length=max(1, asked["min_length"]),
        no_repeat_ngram_size=asked["no_repeat_ngram"],
        suppress_sequences=[[piece] for piece in NEVER],
        max_batch_size=32,
    )
    written = ([piece for piece in result.hypotheses[0] if piece not in told] for result in results)
    texts = [str(target.decode(pieces)).strip() for pieces in written]
    return [text if line.strip() else "" for line, text in zip(lines, texts, strict=True)]


def _lead(asked: dict[str, Any], side: str, languages: dict[str, str]) -> list[str]:
    """The token in front that names a language, where the model has one."""
    told = asked.get("leads", {}).get(side)
    return [told["tokens"][languages[told["by"]]]] if told else []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Translate texts, or the lines of standard input.")
    parser.add_argument("text", nargs="*")
    parser.add_argument("--source-lang", default="")
    parser.add_argument("--target-lang", default="")
    given = parser.parse_args()
    print(
        "\n".join(
            translate(given.text or sys.stdin.read().splitlines(), given.source_lang, given.target_lang)
        )
    )
