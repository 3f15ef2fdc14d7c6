"""Translate with ctranslate2 and sentencepiece alone; nothing of what trained the model is needed.

    pip install ctranslate2 sentencepiece
    python translate.py "How are you?"
    python translate.py < lines.txt

One line in, one line out. A sentence a line: nothing here cuts a text into sentences.
"""

import json
import sys
from pathlib import Path

import ctranslate2
import sentencepiece

HERE = Path(__file__).parent
NEVER = (0, 1, 2)  # <pad>, <unk>, <s>


def translate(lines: list[str], compute_type: str = "default") -> list[str]:
    """compute_type: "int8" is fastest on a CPU, "float32" computes as the model was trained."""
    source, target = (
        sentencepiece.SentencePieceProcessor(model_proto=(HERE / name).read_bytes())
        for name in ("source.spm", "target.spm")
    )
    asked = json.loads((HERE / "decoding.json").read_text())
    model = ctranslate2.Translator(str(HERE), compute_type=compute_type)
    results = model.translate_batch(
        [source.encode(line, out_type=str) for line in lines],
        beam_size=asked["beam_size"],
        length_penalty=asked["length_penalty"],
        max_decoding_length=asked["max_length"],
        min_decoding_length=max(1, asked["min_length"]),
        no_repeat_ngram_size=asked["no_repeat_ngram"],
        suppress_sequences=[[target.id_to_piece(i)] for i in NEVER],
        max_batch_size=32,
    )
    texts = [target.decode(result.hypotheses[0]) for result in results]
    return [text if line.strip() else "" for line, text in zip(lines, texts, strict=True)]


if __name__ == "__main__":
    given = sys.argv[1:] or sys.stdin.read().splitlines()
    print("\n".join(translate(given)))
