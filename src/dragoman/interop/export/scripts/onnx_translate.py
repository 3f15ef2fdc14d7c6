"""Translate with onnxruntime, numpy and sentencepiece alone; nothing of what trained the model is needed.

    pip install onnxruntime numpy sentencepiece
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

import numpy as np
import onnxruntime
import sentencepiece

UNK, BOS, EOS = 1, 2, 3
NEVER = [0, 1, 2]  # <pad>, <unk>, <s> are not written


class Model:
    """The encoder, which runs once a sentence, and the decoder, which runs once a token for all beams."""

    def __init__(self, directory: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(directory / f"{name}.onnx"), options, ["CPUExecutionProvider"])
            for name in ("encoder", "decoder")
        )
        self.asked = json.loads((directory / "decoding.json").read_text(encoding="utf-8"))
        self.memory = [one.name for one in self.encoder.get_outputs()]
        self.past = [one for one in self.decoder.get_inputs() if one.name.startswith("past_")]

    def start(self, source: list[int]) -> dict[str, Any]:
        """What the decoder is fed at every step, for one row: the encoder's answer, and an empty past."""
        ids = np.array([[*source, EOS] if self.asked["source_eos"] or not source else source], np.int64)
        mask = np.ones(ids.shape, dtype=bool)
        found = self.encoder.run(self.memory, {"source": ids, "source_mask": mask})
        fed = dict(zip(self.memory, found, strict=True)) | {"source_mask": mask}
        for one in self.past:
            fed[one.name] = np.zeros((1, one.shape[1], 0, one.shape[3]), np.float32)
        return fed

    def step(self, tokens: list[int], fed: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Logits [R, V] of what follows the last token of each row, and what is fed next."""
        names = ["logits", *(one.name.replace("past_", "present_") for one in self.past)]
        logits, *present = self.decoder.run(names, {**fed, "tokens": np.array(tokens, np.int64)[:, None]})
        return logits, {**fed, **{one.name: x for one, x in zip(self.past, present, strict=True)}}

    def score(self, source: list[int], target: list[int]) -> Any:
        """log p of each token of a translation, and of </s> after them."""
        fed, found = self.start(source), []
        for token, label in zip([BOS, *target], [*target, EOS], strict=True):
            logits, fed = self.step([token], fed)
            found.append(_log_softmax(logits)[0, label])
        return np.array(found)

    def search(
        self, source: list[int], beam_size: int, length_penalty: float, max_length: int, lead: list[int]
    ) -> list[int]:
        """The best translation that begins with `lead`: log p / (tokens with </s>) ** length_penalty decides."""
        rows: list[list[int]] = [lead]
        totals, fed = np.zeros(1), self.start(source)
        for token in [BOS, *lead][:-1]:
            _, fed = self.step([token], fed)
        ended: list[tuple[float, list[int]]] = []
        for length in range(len(lead) + 1, max_length + 1):
            logits, fed = self.step([row[-1] if row else BOS for row in rows], fed)
            logits[:, NEVER] = -np.inf  # probabilities are among the others
            sums = totals[:, None] + _log_softmax(logits)
            best = np.argsort(-sums, axis=None, kind="stable")[: 2 * beam_size]
            parents, tokens = np.unravel_index(best, sums.shape)
            live: list[tuple[int, int, float]] = []
            for rank, (parent, token) in enumerate(zip(parents.tolist(), tokens.tolist(), strict=True)):
                total = float(sums[parent, token])
                if token == EOS or length == max_length:
                    if rank < beam_size:
                        text = rows[parent] if token == EOS else [*rows[parent], token]
                        ended.append((total / length**length_penalty, text))
                elif len(live) < beam_size:
                    live.append((parent, token, total))
            if len(ended) >= beam_size or not live:
                break
            rows = [[*rows[parent], token] for parent, token, _ in live]
            totals = np.array([total for _, _, total in live])
            order = [parent for parent, _, _ in live]
            fed = {name: array[order] for name, array in fed.items()}
        return max(ended, key=lambda one: one[0])[1]


def _log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


class Side:
    """A language's tokenizer: text to ids and back, and the token that names the language, if there is one."""

    def __init__(self, directory: Path, side: str, asked: dict[str, Any], languages: dict[str, str]) -> None:
        data = (directory / f"{side}.spm").read_bytes()
        self.model = sentencepiece.SentencePieceProcessor(model_proto=data)
        count = self.model.get_piece_size()
        own = [self.model.id_to_piece(i) for i in range(count)]
        self.pieces = asked.get("vocabularies", {}).get(side, own)
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        told = asked.get("leads", {}).get(side)
        self.told = {*told["tokens"].values()} if told else set()
        self.lead = [self.ids[told["tokens"][languages[told["by"]]]]] if told else []

    def encode(self, text: str) -> list[int]:
        return self.lead + [self.ids.get(piece, UNK) for piece in self.model.encode(text, out_type=str)]

    def decode(self, ids: list[int]) -> str:
        written = [self.pieces[i] for i in ids]
        return str(self.model.decode([piece for piece in written if piece not in self.told])).strip()


def translate(lines: list[str], directory: Path, source_lang: str = "", target_lang: str = "") -> list[str]:
    """A line without words stays empty. Languages: of a model of many, by its own names for them."""
    model = Model(directory)
    asked = model.asked
    usual = asked.get("languages", {})
    named = {"source": source_lang or usual.get("source"), "target": target_lang or usual.get("target")}
    source, target = (Side(directory, side, asked, named) for side in ("source", "target"))
    search = asked["beam_size"], asked["length_penalty"], asked["max_length"], target.lead
    return [
        target.decode(model.search(source.encode(line), *search)) if line.strip() else "" for line in lines
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Translate texts, or the lines of standard input.")
    parser.add_argument("text", nargs="*")
    parser.add_argument("--source-lang", default="")
    parser.add_argument("--target-lang", default="")
    given = parser.parse_args()
    texts = given.text or sys.stdin.read().splitlines()
    print("\n".join(translate(texts, Path(__file__).parent, given.source_lang, given.target_lang)))
