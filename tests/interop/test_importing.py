"""Models of others: what they compute, and what they read, is what they compute and read here."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foreign
import tiny
from dragoman.cli import main
from dragoman.decoding.options import DecodingOptions, SearchRequest
from dragoman.engines import Engine, compiled, translate
from dragoman.engines.ctranslate2 import CTranslate2Engine
from dragoman.engines.torch import TorchEngine
from dragoman.errors import DragomanError, ModelError, UsageError
from dragoman.explain.tracing import explain
from dragoman.ids import BOS, EOS, SPECIALS, UNK
from dragoman.interop import importing
from dragoman.interop.brought import Pair
from dragoman.interop.importing import bring
from dragoman.interop.marian import numbered
from dragoman.model.contents import serialized
from dragoman.model.directory import ModelDirectory, open_model
from dragoman.text.mapped import MappedTokenizer, Table, sealed, spoken, tokenizer_of
from dragoman.translate.translator import Translator

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses"),
]


class Twin:
    """A model of transformers' and the same one imported."""

    def __init__(self, kind: str, directory: Path, **settings: Any) -> None:
        self.kind, self.theirs = kind, directory / "theirs"
        make = foreign.marian if kind == "marian" else foreign.m2m100
        self.model = make(self.theirs, **settings)
        self.path = directory / "ours"
        bring(self.theirs, self.path, Pair(), lambda line: None)
        self.ours = open_model(self.path)
        self.rows = self._rows()

    def _rows(self) -> np.ndarray:
        """By our id, theirs."""
        ids = json.loads((self.theirs / "vocab.json").read_text(encoding="utf-8"))
        if self.kind == "marian":
            return numbered(ids, self.theirs, len(ids)).rows
        ids |= {f"__{code}__": len(ids) + i for i, code in enumerate(foreign.m2m_languages())}
        pieces = self.ours.source_tokenizer.vocabulary()
        return np.array([1, 3, 2, 2, *(ids[piece] for piece in pieces[len(SPECIALS) :])])

    def sources(self, count: int) -> tuple[list[str], list[list[int]]]:
        texts = tiny.lines(5, 2 * count)[::2]
        return texts, self.ours.source_tokenizer.encode_batch(texts)

    def generated(self, sources: list[list[int]], beams: int) -> list[list[int]]:
        """Our ids of what transformers writes, with the rules that the search here has: no id that no text has.

        Those of one length go to it together: that is quicker, and none is padded.
        """
        kept = {int(row) for i, row in enumerate(self.rows) if i not in (0, 1, BOS)}
        never = [i for i in range(self.model.config.vocab_size) if i not in kept]
        lead = self.ours.target_tokenizer.lead
        ours = {int(row): i for i, row in enumerate(self.rows) if i != BOS}
        found: dict[int, list[int]] = {}
        for length in set(map(len, sources)):
            places = [place for place, ids in enumerate(sources) if len(ids) == length]
            with torch.no_grad():
                rows = self.model.generate(
                    torch.tensor([[int(self.rows[i]) for i in (*sources[place], EOS)] for place in places]),
                    num_beams=beams, max_new_tokens=16, do_sample=False, length_penalty=1.0, renormalize_logits=True,
                    suppress_tokens=never, bad_words_ids=None, forced_eos_token_id=None,
                    forced_bos_token_id=int(self.rows[lead[0]]) if lead else None,
                    **({"early_stopping": True} if beams > 1 else {}),
                ).tolist()  # fmt: skip
            for place, row in zip(places, rows, strict=True):
                written = [ours[i] for i in row[1:] if i in ours]
                end = written.index(EOS) + 1 if EOS in written else len(written)
                found[place] = written[:end]
        return [found[place] for place in range(len(sources))]

    def searched(self, engine: Engine, sources: list[list[int]], beams: int) -> list[list[int]]:
        options = DecodingOptions(beam_size=beams, max_length=16, max_length_ratio=0, length_penalty=1.0)
        lead = list(self.ours.target_tokenizer.lead)
        found = translate(engine, sources, SearchRequest(options), [lead] * len(sources) if lead else None)
        return [[*best[0].tokens, *([EOS] if best[0].finished else [])] for best in found]

    def engines(self) -> dict[str, Engine]:
        vocabularies = self.ours.source_tokenizer.vocabulary(), self.ours.target_tokenizer.vocabulary()
        fast = CTranslate2Engine.from_weights(
            self.ours.weights, self.ours.config["model"], *vocabularies, compute_type="float32"
        )
        return {"torch": TorchEngine(self.ours.build()), "ctranslate2": fast}


@pytest.fixture(scope="module", params=["marian", "m2m100"])
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    leads = {"leads": foreign.LEADS} if request.param == "marian" else {}
    return Twin(request.param, tmp_path_factory.mktemp(request.param), **leads)


@pytest.fixture(scope="module")
def opus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one pair, as it is downloaded."""
    directory = tmp_path_factory.mktemp("opus") / "opus-mt-en-zh"
    foreign.marian(directory)
    return directory


@pytest.fixture
def copy(opus: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(opus, tmp_path / "opus-mt-en-zh"))


# -- the same numbers -------------------------------------------------------------------------------------------------


def logits_apart(twin: Twin) -> float:
    """The largest difference; of logits above 1, as a share of the largest: a float32 has seven digits."""
    _, (ids, *_) = twin.sources(1)
    source, target = torch.tensor([[*ids, EOS]]), torch.tensor([[BOS, 10, 20, 30, 11, 12, 9]])
    rows = torch.tensor(twin.rows)
    with torch.no_grad():
        ours = twin.ours.build()(source, source != 0, target)
        theirs = twin.model(input_ids=rows[source], decoder_input_ids=rows[target]).logits[..., rows]
    ours[..., BOS] = theirs[..., BOS]  # which is never written, and has no row of its own there
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))


def test_logits_are_those_of_transformers(twin: Twin) -> None:
    assert logits_apart(twin) < 1e-5


@pytest.mark.parametrize(
    "settings",
    [
        {"scale_embedding": False},
        {"activation_function": "relu", "encoder_layers": 1, "decoder_layers": 3},
        {"activation_function": "gelu"},
    ],
    ids=str,
)
def test_logits_are_those_of_transformers_in_other_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    assert logits_apart(Twin("marian", tmp_path, **settings)) < 1e-5


@pytest.mark.parametrize("beams", [1, 4])
def test_every_engine_writes_what_transformers_writes(twin: Twin, beams: int) -> None:
    _, sources = twin.sources(12)
    expected = twin.generated(sources, beams)
    for name, engine in twin.engines().items():
        assert twin.searched(engine, sources, beams) == expected, name


@pytest.mark.skipif(compiled.library() is None, reason="no C compiler on this machine")
def test_the_c_decoder_ranks_each_word_with_its_own_bias(twin: Twin) -> None:
    """Logits are made 256 at a time there, and every such part once got the bias of the first."""
    assert twin.ours.source_tokenizer.vocab_size > compiled.COLUMNS
    model = compiled.compiled(twin.ours.build())
    assert model is not None
    source = torch.tensor([[*twin.sources(1)[1][0], EOS]])
    with torch.no_grad():
        logits, _ = model.step(torch.tensor([[BOS]]), model.start(source, source != 0))
        top, tokens, _ = model.rank(torch.tensor([[BOS]]), model.start(source, source != 0), 9, (0, 1, 2))
    logits[:, :3] = float("-inf")
    expected = logits.log_softmax(-1).topk(9)
    assert tokens.tolist() == expected.indices.tolist()
    torch.testing.assert_close(top, expected.values, atol=1e-4, rtol=0)


@pytest.mark.slow(reason="500 sentences through transformers, with four beams")
@pytest.mark.parametrize("beams", [1, 4])
def test_five_hundred_sentences_come_out_as_from_transformers(twin: Twin, beams: int) -> None:
    _, sources = twin.sources(500)
    expected = twin.generated(sources, beams)
    assert twin.searched(twin.engines()["torch"], sources, beams) == expected


@pytest.mark.slow(reason="a model of 74 million weights, as OPUS-MT's are")
def test_the_true_configuration_has_the_logits_of_transformers(tmp_path: Path) -> None:
    true = {
        "fill": 58_101, "d_model": 512, "encoder_layers": 6, "decoder_layers": 6, "encoder_ffn_dim": 2048,
        "decoder_ffn_dim": 2048, "encoder_attention_heads": 8, "decoder_attention_heads": 8,
    }  # fmt: skip
    twin = Twin("marian", tmp_path, **true)
    assert twin.ours.source_tokenizer.vocab_size == 58_102
    assert logits_apart(twin) < 1e-5


def test_weights_of_torchs_own_format_are_the_same(opus: Path, copy: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    for source, name in ((opus, "a"), (copy, "b")):
        bring(source, tmp_path / name, Pair(), lambda line: None)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_numbers_of_half_the_width_are_read(copy: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    whole = load_file(copy / "model.safetensors")
    for kind in (torch.float16, torch.bfloat16):
        save_file({name: one.to(kind) for name, one in whole.items()}, copy / "model.safetensors")
        bring(copy, tmp_path / str(kind), Pair(), lambda line: None)
        found = open_model(tmp_path / str(kind)).weights["encoder.layers.0.feed_forward.inner.bias"]
        expected = whole["model.encoder.layers.0.fc1.bias"].to(kind).float().numpy()
        assert np.array_equal(found.astype(np.float32), expected)


# -- the same tokens --------------------------------------------------------------------------------------------------


def theirs_of(twin: Twin) -> Any:
    from transformers import M2M100Tokenizer, MarianTokenizer

    return (MarianTokenizer if twin.kind == "marian" else M2M100Tokenizer).from_pretrained(twin.theirs)


def tokens(twin: Twin, texts: list[str]) -> Iterator[tuple[str, list[int], list[int]]]:
    original, ours = theirs_of(twin), twin.ours.source_tokenizer
    ours = ours.bare if twin.kind == "marian" else ours
    for text in texts:
        found = ours.encode(text)
        yield text, original(text).input_ids[:-1], [int(twin.rows[i]) for i in found]


def test_text_is_cut_as_the_original_cuts_it(twin: Twin) -> None:
    for text, expected, found in tokens(twin, [text for text in foreign.odd_lines(5_000) if text.strip()]):
        assert found == expected, repr(text)


def test_a_language_that_stands_before_the_text_is_read_as_the_original_reads_it(twin: Twin) -> None:
    if twin.kind != "marian":
        pytest.skip("M2M-100 is told its languages beside the text")
    texts = [">>fra<< the dog", ">>xxx<< the dog", ">> a << b", ">>fra<<", ">>fra the dog", "<< >>fra<< dog"]
    for text, expected, found in tokens(twin, texts):
        assert found == expected, text


def test_a_special_token_in_a_text_is_text(twin: Twin) -> None:
    """The original ends the sentence there."""
    for special in SPECIALS:
        assert EOS not in twin.ours.source_tokenizer.encode(f"the {special} dog")


def test_ids_become_the_text_that_they_are_in_the_original(twin: Twin) -> None:
    original, target = theirs_of(twin), twin.ours.target_tokenizer
    for text in tiny.lines(9, 60):
        ids = target.encode(text)
        expected = original.decode(
            [int(twin.rows[i]) for i in ids[len(target.lead) :]], skip_special_tokens=True
        )
        assert target.decode(ids) == expected


def test_nothing_is_read_where_there_is_nothing(twin: Twin) -> None:
    assert twin.ours.source_tokenizer.encode("") == twin.ours.target_tokenizer.encode("  ") == []


def test_the_language_that_is_asked_for_stands_before_every_text(twin: Twin) -> None:
    asked = twin.ours.between(None, "fr")
    side = asked.source_tokenizer if twin.kind == "marian" else asked.target_tokenizer
    assert side.pieces(side.encode("the dog"))[0] in (">>fra<<", "__fr__")
    assert asked.languages[1] in ("fra", "fr")


@pytest.mark.parametrize("asked, found", [
    ("fr", "fra_Latn"), ("fra_Latn", "fra_Latn"), ("zh", "zho_Hans"), ("zh-Hant", "zho_Hant"), ("zh-TW", "zho_Hant"),
    ("ZHO_hans", "zho_Hans"), ("en-GB", "eng_Latn"),
])  # fmt: skip
def test_languages_are_named_as_people_name_them(asked: str, found: str) -> None:
    codes = dict.fromkeys(("eng_Latn", "fra_Latn", "zho_Hans", "zho_Hant", "uzn_Latn"), 9)
    assert spoken(asked, codes, "target") == found


@pytest.mark.parametrize("asked", ["de", "xx-yy", "", "fr-Arab"])
def test_a_language_that_a_model_has_not_is_refused_with_those_it_has(asked: str) -> None:
    with pytest.raises(DragomanError, match="--target-lang"):
        spoken(asked, {"fra_Latn": 9, "eng_Latn": 8}, "target")


@given(st.binary(max_size=60))
def test_a_damaged_table_is_told_and_no_traceback(data: bytes) -> None:
    with pytest.raises(ModelError):
        tokenizer_of(b"\xc2\x3e" + data)


def test_a_tokenizer_that_was_brought_is_one_sentencepiece_opens(twin: Twin) -> None:
    import sentencepiece

    whole = twin.ours.source_tokenizer.serialized
    assert sentencepiece.SentencePieceProcessor(model_proto=whole).encode("the dog", out_type=str)
    assert isinstance(twin.ours.source_tokenizer, MappedTokenizer)
    table = twin.ours.source_tokenizer.table
    assert Table.of(table.data) == table and whole.startswith(sealed(table, b""))


# -- everything works on them -----------------------------------------------------------------------------------------

SHORT = "--max-length", "6"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "pairs.tsv"
    pairs = zip(tiny.lines(3, 60)[::2], tiny.lines(3, 60)[1::2], strict=True)
    path.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    return path


@pytest.mark.parametrize("engine", ["torch", "ctranslate2", "auto"])
def test_text_is_translated_with_what_is_kept(twin: Twin, engine: Any) -> None:
    translator = Translator(twin.ours, engine)
    found = translator.translate("The dog sees https://example.org/a. My cat sees a bird.", max_length=8)
    assert "https://example.org/a" in found.text and "__" not in found.text and ">>" not in found.text


def test_the_reference_and_the_fast_engine_say_the_same(twin: Twin) -> None:
    texts = tiny.lines(8, 20)[::2]
    slow, fast = (
        Translator(twin.ours, name, compute_type="float32").translate(texts, max_length=8)
        for name in ("torch", "ctranslate2")
    )
    assert [one.text for one in slow] == [one.text for one in fast]


def test_the_look_shows_the_languages_and_every_proof_holds(twin: Twin) -> None:
    found = explain(Translator(twin.ours, "torch"), "The dog sees.", "狗看见猫。", max_length=6)
    assert found.source.tokens[0].piece in (">>cmn_Hans<<", "__en__")
    assert [proof.id for proof in found.proofs if not proof.passed] == []


def test_the_page_is_drawn(twin: Twin, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["explain", "The dog.", "--reference", "狗。", "-m", str(twin.path), "-o", str(page)]) == 0
    assert "swish" in page.read_text(encoding="utf-8") or twin.kind != "marian"


def test_a_corpus_is_measured(twin: Twin, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(corpus), "-m", str(twin.path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 30


def test_the_token_of_a_language_has_no_score(twin: Twin) -> None:
    """It is forced, as in a translation: how probable it was to the model tells nothing about a sentence."""
    translator = Translator(twin.ours)
    (found,) = translator.score(["A small dog."], ["一只狗。"])
    words = twin.ours.target_tokenizer.bare.encode("一只狗。")
    assert found.tokens == [*twin.ours.target_tokenizer.pieces(words), "</s>"]
    assert len(found.token_scores) == len(found.tokens) and found.logprob == sum(found.token_scores)
    assert translator.score(["A small dog."], [""])[0].tokens == ["</s>"]


def test_a_corpus_in_another_language_is_scored_as_such(
    twin: Twin, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(corpus), "-m", str(twin.path), "--target-lang", "fr"]) == 0
    asked = capsys.readouterr().out
    assert main(["score", str(corpus), "-m", str(twin.path)]) == 0
    assert asked != capsys.readouterr().out
    assert main(["score", str(corpus), "-m", str(twin.path), "--target-lang", "xx"]) == 2


def test_training_goes_on_from_them(twin: Twin, corpus: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    steps = (
        "--set",
        "training.max_steps=2",
        "--set",
        "validation.every=2",
        "--set",
        "validation.metric=loss",
        "--set",
        "optimizer.warmup_steps=1",
        "--set",
        "optimizer.peak_lr=0.02",
    )
    assert main(["train", str(corpus), "-o", str(run), "--from", str(twin.path), *steps]) == 0
    found = open_model(run)
    assert found.source_tokenizer.serialized == twin.ours.source_tokenizer.serialized
    assert found.target_tokenizer.lead == twin.ours.target_tokenizer.lead
    before, after = (one.weights["encoder.layers.0.feed_forward.inner.weight"] for one in (twin.ours, found))
    assert 0 < np.abs(before - after.astype(np.float32)).max() < 0.1


def test_training_goes_on_with_signs_that_they_do_not_have(twin: Twin, corpus: Path, tmp_path: Path) -> None:
    """Both sides are numbered by one table; --extend-vocab refused it as a tokenizer that is none."""
    pairs = [line.split("\t") for line in corpus.read_text(encoding="utf-8").splitlines()]
    odd = tmp_path / "odd.tsv"
    odd.write_text("".join(f"the zebra {a}\t斑马，{b}\n" for a, b in pairs), encoding="utf-8")
    run = tmp_path / "run"
    few = {"training.max_steps": "1", "validation.every": "1", "validation.metric": "loss"}
    steps = [word for key, value in few.items() for word in ("--set", f"{key}={value}")]
    assert main(["train", str(odd), "-o", str(run), "--from", str(twin.path), "--extend-vocab", *steps]) == 0
    found, before = open_model(run), twin.ours
    source, target = found.source_tokenizer, found.target_tokenizer
    assert source.vocabulary() == target.vocabulary()
    assert source.vocabulary()[: before.source_tokenizer.vocab_size] == before.source_tokenizer.vocabulary()
    assert UNK not in source.encode("the zebra") and UNK not in target.encode("斑马")
    assert UNK in before.source_tokenizer.encode("the zebra")
    assert (source.lead, target.lead) == (before.source_tokenizer.lead, before.target_tokenizer.lead)
    new = found.weights["output_bias"][before.source_tokenizer.vocab_size :]
    assert np.abs(new).max() < 10  # once the mean took in <s>, which is forbidden by a bias
    assert Translator(found).translate("the zebra", max_length=4).text is not None


# -- what is told -----------------------------------------------------------------------------------------------------


def refused(source: Path, directory: Path, asked: Pair = Pair()) -> str:  # noqa: B008 - frozen
    """What is said; nothing is written."""
    with pytest.raises(DragomanError) as told:
        bring(source, directory, asked, lambda line: None)
    assert not directory.exists()
    assert "\n" not in str(told.value)
    return str(told.value)


def test_the_card_says_where_a_model_is_from(twin: Twin) -> None:
    licence = "apache-2.0" if twin.kind == "marian" else "mit"
    assert f"as the source states it: {licence}" in twin.ours.card
    assert "model.safetensors" in twin.ours.card and "theirs" in twin.ours.card


@pytest.mark.parametrize("verb", [("translate", "x", "-m"), ("explain", "x", "-m"), ("models",)])
def test_a_model_that_was_not_imported_is_called_by_its_name(
    verb: tuple[str, ...], opus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, str(opus)]) == 1
    said = capsys.readouterr().err
    assert (
        "this" in said
        or f"is an OPUS-MT model (Marian, in Hugging Face format): dragoman import {opus}" in said
    )


def test_weights_that_were_cut_short_are_told(copy: Path, tmp_path: Path) -> None:
    path = copy / "model.safetensors"
    whole = path.read_bytes()
    for size in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "model.safetensors" in refused(copy, tmp_path / "out")


def test_a_header_of_absurd_length_is_told(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    assert "is not a safetensors file" in refused(copy, tmp_path / "out")


class Bomb:
    def __reduce__(self) -> Any:
        return (print, ("a pickle ran",))


def test_a_pickle_with_code_in_it_does_not_run(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "model.safetensors").unlink()
    torch.save({"a": Bomb()}, copy / "pytorch_model.bin")
    assert "it is not opened" in refused(copy, tmp_path / "out")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("data", [b"", b"abc", b"\x80\x02}q\x00", b"PK\x03\x04" + bytes(50)])
def test_what_is_no_pickle_of_weights_is_told(data: bytes, copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(data)
    assert "pytorch_model.bin" in refused(copy, tmp_path / "out")


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json", "model.safetensors"])
def test_a_missing_file_is_named(name: str, copy: Path, tmp_path: Path) -> None:
    (copy / name).unlink()
    assert name in refused(copy, tmp_path / "out")


def test_the_vocabulary_of_another_model_is_told(copy: Path, tmp_path: Path) -> None:
    path = copy / "vocab.json"
    ids = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(dict(list(ids.items())[:-3])), encoding="utf-8")
    assert "belongs to another model" in refused(copy, tmp_path / "out")
    path.write_text(json.dumps({f"x{i}" if 2 <= i < len(ids) - 1 else w: i for w, i in ids.items()}))
    assert "belong to different models" in refused(copy, tmp_path / "out")


@pytest.mark.parametrize("kind", ["t5", "mbart", "bart", "gpt2"])
def test_another_architecture_is_called_by_its_name(kind: str, copy: Path, tmp_path: Path) -> None:
    (copy / "config.json").write_text(json.dumps({"model_type": kind}))
    assert repr(kind) in refused(copy, tmp_path / "out")


@pytest.mark.parametrize("change", [
    {"d_model": 0}, {"d_model": "512"}, {"encoder_layers": 3}, {"d_model": 64}, {"activation_function": "quick_gelu"},
    {"decoder_ffn_dim": 128}, {"encoder_attention_heads": 3, "decoder_attention_heads": 3}, {"vocab_size": 7},
])  # fmt: skip
def test_settings_that_do_not_fit_are_told(change: dict[str, Any], copy: Path, tmp_path: Path) -> None:
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(settings | change))
    refused(copy, tmp_path / "out")


def test_a_model_that_has_no_room_is_told_before_it_is_read(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (copy / "model.safetensors").open("r+b") as file:
        file.truncate(3 * 2**30)  # a hole, which takes no disk
    monkeypatch.setattr(importing, "available_memory", lambda: 2**30)
    assert "GB of memory; this machine has 1.0 GB free" in refused(copy, tmp_path / "out")


def test_languages_that_nothing_tells_are_asked_for(copy: Path, tmp_path: Path) -> None:
    (copy / "tokenizer_config.json").unlink()
    plain = copy.rename(copy.with_name("model"))
    assert "add --source-lang" in refused(plain, tmp_path / "out")
    bring(plain, tmp_path / "out", Pair("en", "zh"), lambda line: None)
    assert open_model(tmp_path / "out").languages == ("en", "zh")


def test_the_name_of_a_model_tells_its_languages(copy: Path, tmp_path: Path) -> None:
    (copy / "tokenizer_config.json").unlink()
    bring(copy, tmp_path / "out", Pair(), lambda line: None)
    assert open_model(tmp_path / "out").languages == ("en", "zh")


def test_a_model_is_not_written_over(twin: Twin, opus: Path) -> None:
    with pytest.raises(UsageError, match="holds a model already"):
        bring(opus, twin.path, Pair(), lambda line: None)
    with pytest.raises(UsageError, match="is a model of Dragoman's already"):
        bring(twin.path, twin.path.with_name("other"), Pair(), lambda line: None)


def test_the_original_is_not_changed(opus: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in opus.iterdir()}
    bring(opus, tmp_path / "out", Pair(), lambda line: None)
    assert {path.name: path.read_bytes() for path in opus.iterdir()} == before


# -- the file of weights ----------------------------------------------------------------------------------------------

_ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=6),
    st.tuples(
        st.sampled_from(["u1", "i1", "f2", "i4", "f4", "f8", "i8"]), st.lists(st.integers(0, 3), max_size=3)
    ),
    max_size=6,
)


@given(_ARRAYS, st.one_of(st.none(), st.just({"a": "é"})))
def test_weights_are_written_as_the_library_writes_them(
    shapes: dict[str, tuple[str, list[int]]], metadata: dict[str, str] | None
) -> None:
    """Its own function copies every array twice, and a large model had no room for that."""
    import safetensors.numpy

    arrays = {
        name: np.arange(np.prod(shape, dtype=int)).astype(kind).reshape(shape or [1])
        for name, (kind, shape) in shapes.items()
        if name != "__metadata__"
    }
    assert serialized(arrays, metadata) == safetensors.numpy.save(arrays, metadata)


def test_an_imported_model_is_a_model(twin: Twin) -> None:
    assert isinstance(twin.ours, ModelDirectory)
    assert twin.ours.config["model"]["output_bias"] is True
