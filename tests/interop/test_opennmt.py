"""Models of OpenNMT in CTranslate2's format, as most Argos packages are: they read no </s>, and may be years old.

CTranslate2's own converter makes them, and CTranslate2 itself says what they translate.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
import sentencepiece
import torch

import foreign
from dragoman.cli import main
from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import Engine, translate
from dragoman.engines.ctranslate2 import CTranslate2Engine
from dragoman.engines.torch import TorchEngine
from dragoman.errors import DragomanError
from dragoman.ids import EOS
from dragoman.interop.brought import Pair
from dragoman.interop.export.writing import export
from dragoman.interop.importing import bring
from dragoman.model.directory import ModelDirectory, open_model
from dragoman.transformer.model import Transformer

pytestmark = pytest.mark.filterwarnings("ignore")
LINES = foreign.odd_lines(1000, 7)[:500]
LENGTH = 24  # of a translation, in tokens


def brought(source: Path, directory: Path, asked: Pair | None = None) -> ModelDirectory:
    bring(source, directory, asked or Pair("en", "zh"), lambda line: None)
    return open_model(directory)


def translator_of(directory: Path) -> ctranslate2.Translator:
    return ctranslate2.Translator(str(directory), compute_type="float32", intra_threads=1)


def cut(directory: Path, texts: list[str]) -> list[list[str]]:
    """As argostranslate cuts them: the pieces of SentencePiece, and nothing behind them."""
    spm = sentencepiece.SentencePieceProcessor(model_file=str(directory / "sentencepiece.model"))
    return [spm.encode(text, out_type=str) for text in texts]


def by_ctranslate2(
    directory: Path, texts: list[str], beams: int, begun: str | None = None
) -> list[list[str]]:
    results = translator_of(directory).translate_batch(
        cut(directory, texts),
        target_prefix=None if begun is None else [[begun]] * len(texts),
        beam_size=beams,
        max_decoding_length=LENGTH,
        length_penalty=1.0,
        max_batch_size=1,  # padding changes the order of sums, and the last bits may decide
        suppress_sequences=[["<s>"], ["<blank>"]],
        disable_unk=True,
    )
    return [one.hypotheses[0] for one in results]


def by(engine: Engine, model: ModelDirectory, texts: list[str], beams: int) -> list[list[str]]:
    options = DecodingOptions(
        beam_size=beams, length_penalty=1.0, max_length=LENGTH, max_length_ratio=0, min_length=1
    )
    sources = [model.source_tokenizer.encode(text) for text in texts]
    lead = list(model.target_tokenizer.lead)
    found = [translate(engine, [source], SearchRequest(options), [lead])[0] for source in sources]
    return [model.target_tokenizer.pieces(best[0].tokens) for best in found]


def fast(model: ModelDirectory) -> Engine:
    words = model.source_tokenizer.vocabulary(), model.target_tokenizer.vocabulary()
    return CTranslate2Engine.from_weights(
        model.weights, model.config["model"], *words, workers=1, compute_type="float32"
    )


@dataclass(frozen=True)
class Kind:
    """A way to make such a model, and whether it comes as a package."""

    options: dict[str, Any]
    packaged: bool = False
    begun: str | None = None  # what each translation begins with
    said: Mapping[str, Any] = field(default_factory=dict)  # beside, by config.json
    lines: int = 200


KINDS = {
    "as argos-train makes it": Kind({"quantization": "int8", "heads": 4}, packaged=True, lines=500),
    "a vocabulary a side": Kind({"shared": False, "pos_ffn_activation_fn": "gelu", "width": 64}),
    "silu, layers of two depths": Kind({"pos_ffn_activation_fn": "silu", "layers": (3, 1), "seed": 4}),
    # Large enough that a translation differs where it is not heeded.
    "norms of another epsilon": Kind(
        {"said": {"layer_norm_epsilon": 0.05}, "pos_ffn_activation_fn": "fast_gelu"}
    ),
    "<s> in front of a source, as OpenNMT-tf marks it": Kind({"width": 64}, said={"add_source_bos": True}),
    "a decoder that begins with another token": Kind({"decoder_start_token": "<blank>", "seed": 5}),
    "a package whose translations begin with a token": Kind(
        {"seed": 6, "more": ("__zh__",)}, packaged=True, begun="__zh__"
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_it_translates_as_ctranslate2_does(kind: Kind, tmp_path: Path) -> None:
    theirs = foreign.says(foreign.opennmt(tmp_path / "made" / "en-zh", **kind.options), **kind.said)
    source = theirs
    if kind.packaged:
        label = {} if kind.begun is None else {"target_prefix": kind.begun}
        source = foreign.packaged(theirs, tmp_path / "x.argosmodel", theirs / "sentencepiece.model", **label)
    model = brought(source, tmp_path / "model", Pair() if kind.packaged else None)
    assert model.config["model"]["source_eos"] is False
    lines, few = LINES[: kind.lines], LINES[:20]
    reference, quick = TorchEngine(model.build()), fast(model)
    for beams in (1, 4):
        wanted = by_ctranslate2(theirs, lines, beams, kind.begun)
        assert len({*map(tuple, wanted)}) > 20
        assert by(quick, model, lines, beams) == wanted
        # Right after a token that is forced, a beam of CTranslate2's considers </s> only where it is the most probable.
        if beams == 1 or kind.begun is None:
            assert by(reference, model, few, beams) == wanted[: len(few)]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return foreign.opennmt(tmp_path_factory.mktemp("opennmt") / "en-zh", width=64)


@pytest.fixture(scope="module")
def model(theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelDirectory:
    return brought(theirs, tmp_path_factory.mktemp("model") / "out")


# -- what it does not read ------------------------------------------------------------------------------------------


def test_the_end_of_a_sentence_is_as_if_it_were_not_there(model: ModelDirectory) -> None:
    module = model.build()
    assert isinstance(module, Transformer)
    target = torch.tensor([[2, 30, 31]])
    with torch.inference_mode():
        bare, closed = (torch.tensor([[20, 21, 22, *end]]) for end in ([], [EOS]))
        logits = [module(one, torch.ones_like(one, dtype=torch.bool), target) for one in (bare, closed)]
        where = module.align(closed, torch.ones_like(closed, dtype=torch.bool), target)
    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=1e-5)
    assert (where[..., -1] == 0).all()
    changed = open_model(model.path).build()
    assert isinstance(changed, Transformer)
    object.__setattr__(changed.config, "source_eos", True)
    with torch.inference_mode():
        assert (
            changed(closed, torch.ones_like(closed, dtype=torch.bool), target) - logits[0]
        ).abs().max() > 0.1


def test_a_sentence_of_nothing_is_no_trap(model: ModelDirectory) -> None:
    """All keys hidden would be a row of nothing to attend to."""
    module, ids = model.build(), torch.tensor([[EOS, 0], [20, EOS]])
    with torch.inference_mode():
        logits = module(ids, ids != 0, torch.tensor([[2], [2]]))
    assert logits.isfinite().all()


@pytest.mark.slow  # a whole examination takes ten seconds
def test_doctor_finds_nothing_wrong(model: ModelDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(model.path), "--format", "json"]) == 0, capsys.readouterr().out


def test_it_goes_back_to_ctranslate2(model: ModelDirectory, theirs: Path, tmp_path: Path) -> None:
    export(model, "ctranslate2", tmp_path / "out", LINES[:3])
    assert json.loads((tmp_path / "out" / "config.json").read_text())["add_source_eos"] is False
    back = brought(tmp_path / "out", tmp_path / "back")
    assert back.config["model"]["source_eos"] is False
    assert by(fast(back), back, LINES[:100], 4) == by_ctranslate2(theirs, LINES[:100], 4)


# -- older files ----------------------------------------------------------------------------------------------------


def entries(data: bytes) -> tuple[list[tuple[str, tuple[int, ...], int, bytes]], list[tuple[str, str]]]:
    """The variables of a model.bin of today, and its aliases."""
    at = 4 + 2 + struct.unpack_from("<H", data, 4)[0] + 4

    def word() -> str:
        nonlocal at
        (length,) = struct.unpack_from("<H", data, at)
        at += 2 + length
        return data[at - length : at - 1].decode()

    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    variables = []
    for _ in range(count):
        name, rank = word(), data[at]
        shape = struct.unpack_from(f"<{rank}I", data, at + 1)
        kind, length = struct.unpack_from("<BI", data, at + 1 + 4 * rank)
        at += 6 + 4 * rank + length
        variables.append((name, shape, kind, data[at - length : at]))
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    return variables, [(word(), word()) for _ in range(count)]


def aged(source: Path, directory: Path, version: int, **flags: int) -> Path:
    """The same model as an older CTranslate2 wrote it: no config.json, flags among the variables."""
    directory.mkdir()
    for path in source.iterdir():
        if path.name == "shared_vocabulary.json":
            words = json.loads(path.read_text(encoding="utf-8"))
            (directory / "shared_vocabulary.txt").write_text("\n".join([*words, ""]), encoding="utf-8")
        elif path.name not in ("config.json", "model.bin"):
            (directory / path.name).write_bytes(path.read_bytes())
    variables, aliases = entries((source / "model.bin").read_bytes())
    if version < 3:
        stored = {name: rest for name, *rest in variables}
        for alias, name in aliases:
            variables += [
                (f"{alias}{end}", *stored[f"{name}{end}"])
                for end in ("", "_scale")
                if f"{name}{end}" in stored
            ]
    variables += [(name, (), 1, bytes([value])) for name, value in flags.items()]
    # Before 2.0 the heads were said by the kind of the model, and other things had other names.
    old = {"scale_embeddings": "embeddings/multiply_by_sqrt_depth", "embeddings_0": "embeddings"}

    def spelled(name: str) -> bytes:
        for new, before in old.items() if version < 4 else ():
            name = name.replace(new, before)
        return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"

    spec = b"TransformerBase\0" if version < 4 else b"TransformerSpec\0"
    data = struct.pack("<IH", version, len(spec)) + spec + struct.pack("<I", 3)
    kept = [one for one in variables if version >= 4 or not one[0].endswith("num_heads")]
    data += struct.pack("<I", len(kept))
    for name, shape, kind, content in kept:
        data += spelled(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
        size = {0: 4, 1: 1, 2: 2}[kind]
        data += struct.pack("<BI", *((kind, len(content)) if version >= 4 else (size, len(content) // size)))
        data += content
    if version >= 3:
        data += struct.pack("<I", len(aliases))
        for pair in aliases:
            data += b"".join(map(spelled, pair))
    (directory / "model.bin").write_bytes(data)
    return directory


@pytest.mark.parametrize("version", [2, 3, 4, 5])
@pytest.mark.parametrize("quantization", [None, "int16"])
def test_a_file_of_an_older_ctranslate2_is_read_as_it_reads_it(
    version: int, quantization: str | None, tmp_path: Path
) -> None:
    made = foreign.opennmt(tmp_path / "made" / "en-zh", heads=8, quantization=quantization, layers=(1, 1))
    old = aged(made, tmp_path / "old", version)
    found = brought(old, tmp_path / "out")
    assert found.config["model"]["n_heads"] == 8 and found.config["model"]["source_eos"] is False
    assert by(fast(found), found, LINES[:40], 2) == by_ctranslate2(old, LINES[:40], 2)


def test_flags_among_the_variables_are_heeded(tmp_path: Path) -> None:
    made = foreign.opennmt(tmp_path / "made" / "en-zh", layers=(1, 1))
    old = aged(made, tmp_path / "old", 5, with_source_eos=1)
    found = brought(old, tmp_path / "out")
    assert "source_eos" not in found.config["model"]
    assert by(fast(found), found, LINES[:40], 2) == by_ctranslate2(old, LINES[:40], 2)
    begun = aged(made, tmp_path / "begun", 5, with_source_bos=1)
    found = brought(begun, tmp_path / "begun-out")
    assert by(fast(found), found, LINES[:40], 2) == by_ctranslate2(begun, LINES[:40], 2)
    flag = "user_decoder_start_tokens"
    with pytest.raises(DragomanError, match="not read"):
        brought(aged(made, tmp_path / flag, 5, **{flag: 1}), tmp_path / f"{flag}-out")


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, why",
    [
        (
            {"max_relative_positions": 20, "position_encoding": False},
            "OpenNMT's relative positions: .* take an OPUS-MT model",
        ),
        ({"multiquery": True}, "multi_query_attention"),
    ],
    ids=str,
)
def test_what_is_not_computed_is_named(options: dict[str, Any], why: str, tmp_path: Path) -> None:
    made = foreign.opennmt(tmp_path / "made" / "en-zh", **options)
    with pytest.raises(DragomanError, match=why) as told:
        brought(made, tmp_path / "out")
    assert "\n" not in str(told.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "label, why",
    [
        ({"type": "sbd"}, "a package of type 'sbd', and translates nothing"),
        ({"target_prefix": "__fr__"}, "begin with '__fr__', which is not in its vocabulary"),
        ({"target_prefix": ["__zh__"]}, "target_prefix = .*: must be a token"),
    ],
    ids=str,
)
def test_a_package_that_asks_for_something_else_is_told(
    theirs: Path, label: dict[str, Any], why: str, tmp_path: Path
) -> None:
    package = foreign.packaged(theirs, tmp_path / "x.argosmodel", theirs / "sentencepiece.model", **label)
    with pytest.raises(DragomanError, match=why):
        brought(package, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_token_in_front_of_every_text_is_not_exported(tmp_path: Path) -> None:
    made = foreign.says(foreign.opennmt(tmp_path / "made" / "en-zh", layers=(1, 1)), add_source_bos=True)
    found = brought(made, tmp_path / "out")
    assert found.source_tokenizer.encode("a") and found.source_tokenizer.encode("") == []
    with pytest.raises(DragomanError, match="a token in front of every text"):
        export(found, "ctranslate2", tmp_path / "back", LINES[:3])


def test_a_vocabulary_of_a_side_may_hold_little_of_a_joint_tokenizer(tmp_path: Path) -> None:
    """Of a SentencePiece model for both languages, each side uses its own half, and nothing is wrong with that."""
    made = foreign.opennmt(tmp_path / "made" / "en-zh", shared=False)
    words = json.loads((made / "source_vocabulary.json").read_text(encoding="utf-8"))
    kept = len(words) // 2
    (made / "source_vocabulary.json").write_text(json.dumps(words[:kept]), encoding="utf-8")
    weights = {
        name: (shape, kind, content)
        for name, shape, kind, content in entries((made / "model.bin").read_bytes())[0]
    }
    shape, _, content = weights["encoder/embeddings_0/weight"]
    whole = (made / "model.bin").read_bytes()
    table = np.frombuffer(content, np.float32).reshape(shape)[:kept]
    head = struct.pack("<2IBI", *shape, 0, len(content))
    cut = struct.pack("<2IBI", *table.shape, 0, table.nbytes)
    assert whole.count(head + content) == 1
    (made / "model.bin").write_bytes(whole.replace(head + content, cut + table.tobytes()))
    found = brought(made, tmp_path / "out")
    assert found.source_tokenizer.vocab_size == kept + 2  # <s> and </s>, which it has not
    assert by(fast(found), found, LINES[:40], 2) == by_ctranslate2(made, LINES[:40], 2)
