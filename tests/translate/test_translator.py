"""Text in, text out: nothing lost, nothing made up, in order, whatever the text is."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.decoding.options import DecodingOptions, Hypothesis, SearchRequest
from dragoman.decoding.search import heeded
from dragoman.errors import ConfigError, ModelError, UsageError
from dragoman.text.normalize import normalize
from dragoman.translate import translator as module
from dragoman.translate.chunks import chunks
from dragoman.translate.detokenise import Told, align
from dragoman.translate.facing import DEFAULT_LONGEST
from dragoman.translate.translator import Translator
from tiny import Parts, parts

NEWLINE = 0x0A


class Echo:
    """An engine that repeats the source: what comes out then shows what cutting and joining did to it."""

    name = "echo"
    heeds = heeds_in_drafts = heeded()

    def __init__(self) -> None:
        self.remembers = True
        self.calls: list[list[list[int]]] = []
        self.options: list[DecodingOptions] = []
        self.prefixes: list[Any] = []

    def answer(self, ids: list[int], rank: int) -> Hypothesis:
        tokens = ids[: len(ids) - rank]
        return Hypothesis(tokens, -0.5 - rank, [-0.5] * (len(tokens) + 1))

    def begin(
        self, sources: Sequence[list[int]], request: SearchRequest, prefixes: Any = None, wanted: Any = None
    ) -> Iterator[list[Hypothesis]]:
        options = request.options
        assert all(sources), "an empty sentence has no place in a model"
        if self.remembers:
            self.calls.append(list(sources))
            self.options.append(options)
            self.prefixes.append(prefixes)
        found = [[self.answer(ids, rank) for rank in range(options.n_best)] for ids in sources]
        if request.attention:  # each token looks at itself, and at </s> most of all
            found = [
                [replace(h, attention=[[float(s == t) for s in range(len(ids))] + [2.0] for t in range(len(h.tokens))])
                 for h in best]
                for ids, best in zip(sources, found, strict=True)
            ]  # fmt: skip
        return iter(found)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both languages are written with spaces, so that an echo can give back every one of them."""
    made = parts()
    config = made.config | {"languages": {"source": "en", "target": "de"}}
    return replace(made, config=config).write(tmp_path_factory.mktemp("models") / "en-de")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Echo:
    echo = Echo()
    for name in module.ENGINES:
        monkeypatch.setitem(module.ENGINES, name, lambda translator: echo)  # type: ignore[arg-type]
    return echo


@pytest.fixture
def echo(engine: Echo, english: Path) -> Translator:
    return Translator.load(english)


@pytest.fixture(scope="module")
def real(tiny_model: Path) -> Iterator[Translator]:
    """Random weights through the reference engine."""
    with Translator.load(tiny_model, engine="torch") as translator:
        yield translator


# -- cutting and joining ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "The dog sees the cat.",
        "The dog sees the cat. The bird likes a tree! Is it old?",
        "First paragraph. Two sentences.\n\nSecond paragraph.\n",
        "\n\nleading and trailing\n\n\n",
        "windows\r\nlines\r\n",
        "no end",
        "",
        "\n",
        "\n\n\n",
    ],
)
def test_an_echo_gives_back_text_with_its_line_breaks(echo: Translator, text: str) -> None:
    assert echo.translate(text).text == text


def test_sentences_go_through_the_model_one_by_one(echo: Translator, engine: Echo) -> None:
    echo.translate("The dog sees the cat. The bird likes a tree.\nOld house.")
    decode = echo.model.source_tokenizer.decode
    assert [decode(ids) for ids in engine.calls[0]] == [
        "The dog sees the cat.",
        "The bird likes a tree.",
        "Old house.",
    ]


@pytest.mark.parametrize("text", ["", "   ", "\t", "\u3000", "\x00\x01\x1b", "\ufeff", "\u200e\u202e"])
def test_a_line_without_anything_visible_gives_an_empty_line(
    echo: Translator, engine: Echo, text: str
) -> None:
    translation = echo.translate(text, protect=False)
    assert (translation.source, translation.text, translation.score) == (text, "", None)
    assert translation.tokens == translation.token_scores == translation.source_tokens == []
    assert translation.flags == ()
    assert engine.calls == []


@pytest.mark.parametrize("text", ["😀😀😀", "👨‍👩‍👧 🇨🇳", "...", "---- * ----", "？！"])
def test_a_line_without_words_passes_untouched(echo: Translator, engine: Echo, text: str) -> None:
    translation = echo.translate(text)
    assert (translation.text, translation.score, translation.flags) == (text, None, ())
    assert engine.calls == []


@pytest.mark.parametrize(
    "text", ["hello 😀", "שלום עולם", "مرحبا بالعالم", "naïve café", "你好", "𠀀𠀁", "x² ①"]
)
def test_characters_the_tokenizer_has_never_seen_survive(echo: Translator, engine: Echo, text: str) -> None:
    assert echo.translate(text, protect=False).text == text
    assert engine.calls


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x1b[31m dog\x07", "ab[31m dog"),
        ("two  spaces\tand\x0bmore", "two spaces and more"),
        ("caf\u0065\u0301", "caf\u0065\u0301"),
        ("dog \ud800 cat", "dog cat"),
        ("\u202edog", "dog"),
    ],
)
def test_what_cannot_be_printed_does_not_come_out(echo: Translator, text: str, expected: str) -> None:
    assert echo.translate(text, protect=False).text == unicodedata.normalize("NFC", expected)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_any_text_comes_back_with_its_words_and_its_line_breaks(echo: Translator, text: str) -> None:
    translated = echo.translate(text, protect=False).text
    assert translated.count("\n") == text.count("\n")
    assert "".join(normalize(translated).split()) == "".join(normalize(text).split())
    assert "\ufffd" not in translated or "\ufffd" in text


@pytest.mark.parametrize(
    "line", ["dog " * 25_000, "a" * 100_000, "狗" * 100_000, "The dog. " * 11_000, "1," * 50_000],
    ids=["words", "one word", "one sign", "sentences", "digits"],
)  # fmt: skip
def test_a_line_of_100_000_characters(echo: Translator, engine: Echo, line: str) -> None:
    """Cut so that no part is longer than what the model was trained on, and put together again."""
    translated = echo.translate(line, protect=False).text
    longest = max(len(ids) for call in engine.calls for ids in call)
    assert longest <= echo.longest
    assert "".join(translated.split()) == "".join(line.split())
    pieces = echo.plan(line, protect=False).sources  # equal ones are searched for once
    assert len(line) <= 100_000 and len(pieces) > 10 and len(engine.calls[0]) == len(set(map(tuple, pieces)))


def test_a_sentence_too_long_in_tokens_is_cut_between_characters(echo: Translator, engine: Echo) -> None:
    """Few characters, many tokens: each of these signs is spelled in four bytes."""
    text = "\U00020000" * 120
    assert echo.translate(text, protect=False).text.replace(" ", "") == text
    lengths = [len(ids) for ids in echo.plan(text, protect=False).sources]
    assert max(lengths) <= echo.longest < sum(lengths)
    assert max(lengths) <= 2 * min(lengths)


def test_the_longest_sentence_is_what_the_model_was_trained_on(
    tiny_parts: Parts, tmp_path: Path, engine: Echo
) -> None:
    def longest(data: dict[str, Any], max_length: int) -> int:
        config = tiny_parts.config | {"data": data}
        config["model"] = config["model"] | {"max_length": max_length}
        return Translator.load(replace(tiny_parts, config=config).write(tmp_path)).longest

    assert longest({}, 512) == DEFAULT_LONGEST
    assert longest({"longest": 50}, 512) == 50
    assert longest({"longest": 500}, 100) == 99


def test_text_is_prepared_as_the_corpus_was(tiny_parts: Parts, tmp_path: Path, engine: Echo) -> None:
    for simplify, expected in {
        "": "貓在樹上",
        "source": "猫在树上",
        "target": "貓在樹上",
        "both": "猫在树上",
    }.items():
        config = tiny_parts.config | {"cleaning": {"normalize": True, "simplify": simplify}}
        translator = Translator.load(replace(tiny_parts, config=config).write(tmp_path / simplify))
        assert translator.translate("貓在樹上", protect=False).text == expected


# -- many texts -------------------------------------------------------------------------------------------------


def test_one_text_gives_one_and_many_give_a_list_in_order(echo: Translator) -> None:
    texts = ["The dog.", "", "A cat sees the old bird.", "😀", "Tree"]
    assert [t.text for t in echo.translate(texts)] == texts
    assert [t.source for t in echo.translate(iter(texts))] == texts
    assert echo.translate([]) == []
    assert echo.translate(text for text in texts)[2] == echo.translate(texts[2])


def test_a_stream_reads_no_further_than_one_chunk_ahead(echo: Translator) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "The dog."

    stream = echo.stream(texts(), chunk=10)
    assert read == 0, "nothing is read before it is asked for"
    for number in range(1, 35):
        assert next(stream).text == "The dog."
        assert read == (-(-number // 10) + 1) * 10, "the engine is at work on the next chunk, and on no other"


def test_a_stream_of_one_answers_before_it_reads_on(echo: Translator) -> None:
    said: list[str] = []

    def talk() -> Iterator[str]:
        yield "dog"
        assert said == ["dog"]
        yield "cat"

    for translation in echo.stream(talk(), chunk=1):
        said += [translation.text]
    assert said == ["dog", "cat"]


def test_the_memory_of_a_stream_does_not_grow(echo: Translator, engine: Echo) -> None:
    engine.remembers = False

    def peak(count: int) -> int:
        texts = (f"The old dog sees cat {number:04}." for number in range(count))
        tracemalloc.start()
        for _ in echo.stream(texts, chunk=50):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    few, many = peak(1500), peak(6000)  # what is remembered of a thousand texts is there by then
    assert many < few + 300 * 1024, "4,500 more translations would be more than 1 MB"


def test_long_texts_make_short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.translate.chunks.CHUNK_CHARACTERS", 100)
    asked = [("x" * 60, ""), ("y" * 60, ""), ("z", ""), ("", "")]
    assert [len(chunk) for chunk in chunks(asked, 3)] == [2, 2]
    assert [len(chunk) for chunk in chunks(asked[2:] * 4, 3)] == [3, 3, 2]


def test_progress_counts_texts(echo: Translator) -> None:
    seen: list[int] = []
    list(echo.stream(["dog"] * 25, chunk=10, progress=seen.append))
    assert seen == [10, 20, 25]
    echo.translate(["dog"] * 3, progress=seen.append)
    assert seen[3:] == [3]


@pytest.mark.parametrize("texts", [["dog", 3], ["dog", None], [b"dog"], b"dog"])
def test_what_is_no_text_is_refused_by_number_and_type(echo: Translator, texts: Any) -> None:
    wrong = texts[-1]
    with pytest.raises(
        UsageError, match=f"text {len(texts) if isinstance(texts, list) else 1} .*{type(wrong).__name__}"
    ):
        echo.translate(texts)


# -- what a translation holds -----------------------------------------------------------------------------------


def test_tokens_and_scores_of_several_sentences_follow_each_other(echo: Translator) -> None:
    translation = echo.translate("The dog. A cat sees the bird.", alignments=True, token_scores=True)
    assert translation.tokens == translation.source_tokens
    assert "".join(translation.tokens) == "▁The▁dog.▁A▁cat▁sees▁the▁bird."
    assert translation.token_scores == [-0.5] * len(translation.tokens)
    assert translation.score == pytest.approx(-0.5)
    assert translation.alignment == [(i, i) for i in range(len(translation.tokens))]


def test_alignments_and_token_scores_are_there_when_they_are_asked_for(echo: Translator) -> None:
    translation = echo.translate("The dog.")
    assert translation.alignment == translation.token_scores == []
    assert echo.translate("The dog.", token_scores=True).token_scores != []


def test_without_scores_there_are_words_and_no_score(tiny_model: Path) -> None:
    with Translator.load(tiny_model, engine="ctranslate2") as translator:
        asked = {"beam_size": 1, "max_length": 20}
        full = translator.translate(["The dog.", "A cat. A tree."], **asked)
        bare = translator.translate(["The dog.", "A cat. A tree."], scores=False, **asked)
    assert [(t.text, t.tokens, t.source_tokens) for t in bare] == [
        (t.text, t.tokens, t.source_tokens) for t in full
    ]
    assert all(t.score is None for t in bare) and all(t.score is not None for t in full)


def test_alignment_counts_through_sentences_and_leaves_their_ends_out() -> None:
    first = Told(source_tokens="xy", tokens="ab", attention=[[0.1, 0.2, 0.7], [0.3, 0.2, 0.5]])
    last = Told(source_tokens="z", tokens="c", attention=[[0.0, 1.0]])
    assert align([first, Told(), last]) == [(1, 0), (0, 1), (2, 2)]
    assert align([first._replace(attention=None), last]) == [(2, 2)]


def test_the_score_of_a_paragraph_weighs_sentences_by_length(echo: Translator, engine: Echo) -> None:
    engine.answer = lambda ids, rank: Hypothesis(ids, -float(len(ids)), [-1.0] * (len(ids) + 1))  # type: ignore[method-assign]
    translation = echo.translate("Dog.\nThe old cat sees a bird.")
    lengths = [len(ids) for ids in engine.calls[0]]
    assert len(lengths) == 2 and len(set(lengths)) == 2
    expected = sum(-length * (length + 1) for length in lengths) / sum(length + 1 for length in lengths)
    assert translation.score == pytest.approx(expected)


def test_alternatives_are_the_others_of_the_n_best(echo: Translator) -> None:
    translation = echo.translate("The dog sees.\nA cat.", n_best=3)
    assert len(translation.alternatives) == 2
    first, second = translation.alternatives
    assert translation.text == "The dog sees.\nA cat."
    assert first.text.count("\n") == 1 and first.text != translation.text
    assert translation.score > first.score > second.score  # type: ignore[operator]
    assert first.alternatives == [] and first.source == translation.source
    assert echo.translate("", n_best=3).alternatives == []


def test_flags_of_any_sentence_are_flags_of_the_text(echo: Translator, engine: Echo) -> None:
    cut = lambda ids, rank: Hypothesis(ids[:-1], -3.0, [-3.0] * (len(ids) - 1), finished=len(ids) < 4)  # noqa: E731
    engine.answer = cut  # type: ignore[method-assign]
    assert echo.translate("Tree.\nThe old cat sees a bird!").flags == ("copied", "too_long", "low_confidence")


def test_a_model_cannot_break_a_line_or_write_to_the_terminal(echo: Translator, engine: Echo) -> None:
    """Byte fallback spells any character, so any model can write one."""
    tokenizer = echo.model.target_tokenizer
    byte = {value: tokenizer.vocabulary().index(f"<0x{value:02X}>") for value in (NEWLINE, 0x0D, 0x1B, 0xFF)}
    words = tokenizer.encode("dog")
    engine.answer = lambda ids, rank: Hypothesis(  # type: ignore[method-assign]
        [*words, byte[NEWLINE], byte[0x0D], *words, byte[0x1B], byte[0xFF], byte[0xFF]], -1.0, [-1.0]
    )
    assert echo.translate("cat").text == "dog dog"


def test_no_space_between_chinese_signs(tiny_model: Path, engine: Echo) -> None:
    translator = Translator.load(tiny_model)
    ids = translator.model.target_tokenizer.encode("我 在 找 dog 。")
    engine.answer = lambda _, rank: Hypothesis(ids, -1.0, [-1.0])  # type: ignore[method-assign]
    assert translator.translate("The dog. A cat.").text == "我在找 dog。我在找 dog。"


# -- options, prefixes, engines ---------------------------------------------------------------------------------


def test_the_models_own_options_are_the_default(echo: Translator, engine: Echo) -> None:
    assert echo.options == DecodingOptions(max_length=24)
    echo.translate("dog")
    echo.translate("dog", beam_size=2)
    echo.translate("dog", DecodingOptions(beam_size=3))
    echo.translate("dog", DecodingOptions(beam_size=3), length_penalty=0.5)
    assert engine.options == [
        DecodingOptions(max_length=24),
        DecodingOptions(max_length=24, beam_size=2),
        DecodingOptions(beam_size=3),
        DecodingOptions(beam_size=3, length_penalty=0.5),
    ]


def test_no_translation_is_longer_than_the_model_has_positions(tmp_path: Path, engine: Echo) -> None:
    translator = Translator.load(parts(positions="learned", max_length=40).write(tmp_path))
    translator.translate("dog", max_length=500)
    assert engine.options[0].max_length == 39


@pytest.mark.parametrize("wrong", [{"beam_sise": 3}, {"beam_size": 0}, {"n_best": 9}])
def test_an_option_that_makes_no_sense_is_refused_before_anything_is_read(
    echo: Translator, wrong: Any
) -> None:
    def texts() -> Iterator[str]:
        pytest.fail("read")
        yield ""

    with pytest.raises(ConfigError, match=next(iter(wrong))):
        echo.stream(texts(), **wrong)


@pytest.mark.parametrize("decoding", [{"beam_sise": 3}, {"beam_size": 0}, {"beam_size": "five"}])
def test_a_model_with_options_that_make_no_sense_is_refused(
    tiny_parts: Parts, tmp_path: Path, engine: Echo, decoding: dict[str, Any]
) -> None:
    """By its directory, before there is one."""
    with pytest.raises(ModelError, match=f"config.toml: decoding.{next(iter(decoding))}"):
        replace(tiny_parts, config=tiny_parts.config | {"decoding": decoding}).write(tmp_path)


def test_prefixes_belong_to_the_first_sentence(echo: Translator, engine: Echo) -> None:
    echo.translate(["The dog. A cat.", "", "Tree", "😀"], prefixes=["My", "Your", "", "A"], protect=False)
    encode = echo.model.target_tokenizer.encode
    assert engine.prefixes == [[encode("My"), [], [], encode("A")]]
    echo.translate("The dog.", prefixes="My")
    assert engine.prefixes[1] == [encode("My")]
    echo.translate("The dog.", prefixes="")
    assert engine.prefixes[2] is None


@pytest.mark.parametrize(
    ("texts", "prefixes"), [(["dog"], "My"), ("dog", ["My"]), (["dog", "cat"], ["My"]), (["dog"], ["a", "b"])]
)
def test_prefixes_that_do_not_match_are_refused(echo: Translator, texts: Any, prefixes: Any) -> None:
    with pytest.raises(UsageError, match="prefix"):
        echo.translate(texts, prefixes=prefixes)


def test_an_unknown_engine_is_refused(tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match="'cuda'.*auto, ctranslate2 or torch"):
        Translator.load(tiny_model, engine="cuda")  # type: ignore[arg-type]


def test_engines_are_loaded_once_and_given_back(english: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(translator: Translator) -> Any:
        loaded.append("x")
        return Echo()

    for name in module.ENGINES:
        monkeypatch.setitem(module.ENGINES, name, load)
    with Translator.load(english) as translator:
        assert loaded == ["x"], "loading is done by load, not by the first sentence"
        threads = [threading.Thread(target=translator.translate, args=("dog",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert loaded == ["x"]
    assert translator.translate("dog").text == "dog"
    assert loaded == ["x", "x"]


# -- a real model -----------------------------------------------------------------------------------------------

LINES = [
    "The dog sees the cat.", "", "   ", "😀😀", "\x00\x1b[0m", "שלום, עולם! مرحبا", "A. B. C.\n\nD?", "你好，世界。",
    "1,000.5 €", "a" * 700, "\u200f\u202e abc", "\ud83d", "naïve\u0301 e\u0301", "word\u2028word",
]  # fmt: skip


@pytest.mark.parametrize("text", LINES, ids=map(ascii, (line[:12] for line in LINES)))
def test_a_real_model_takes_any_text(real: Translator, text: str) -> None:
    translation = real.translate(
        text, beam_size=1, max_length=8, alignments=True, token_scores=True, protect=False
    )
    assert translation.text.count("\n") == text.count("\n")
    assert all(
        character.isprintable() or character == "\n"
        for character in translation.text
        if character != "\u200d"
    )
    for source, target in translation.alignment:
        assert source < len(translation.source_tokens) and target < len(translation.tokens)
    assert len(translation.alignment) == len(translation.tokens) == len(translation.token_scores)


def test_one_by_one_equals_together(real: Translator) -> None:
    together = real.translate(LINES, beam_size=2, max_length=8)
    for text, found in zip(LINES, together, strict=True):
        alone = real.translate(text, beam_size=2, max_length=8)
        assert (alone.text, alone.tokens, alone.flags) == (found.text, found.tokens, found.flags)
        assert alone.score == pytest.approx(found.score, abs=1e-4)


def test_a_score_is_what_the_search_said(real: Translator) -> None:
    """Teacher forcing over its own output gives the probabilities that greedy search chose by.

    The search leaves <pad>, <unk> and <s> out of its probabilities, so it can only claim more.
    """
    found = real.translate("The dog sees the cat.", beam_size=1, max_length=8, token_scores=True)
    ids = real.model.target_tokenizer.encode(found.text)
    score = real.score(["The dog sees the cat."], [found.text])[0]
    assert score.tokens == [*real.model.target_tokenizer.pieces(ids), "</s>"]
    assert score.logprob == pytest.approx(sum(score.token_scores))
    if score.tokens[:-1] == found.tokens:
        for said, scored in zip(found.token_scores, score.token_scores, strict=False):
            assert scored <= said + 1e-4 and scored == pytest.approx(said, abs=0.1)


def test_scores_do_not_depend_on_neighbours(real: Translator) -> None:
    sources = ["The dog.", "A cat sees the old bird near my house.", "", "Tree"]
    targets = ["狗。", "猫看见房子", "我", ""]
    together = real.score(sources, targets)
    for source, target, found in zip(sources, targets, together, strict=True):
        alone = real.score([source], [target])[0]
        assert alone.logprob == pytest.approx(found.logprob, abs=1e-3)
        assert len(found.token_scores) == len(found.tokens)
        assert found.tokens[-1] == "</s>" and found.logprob < 0
    assert real.score([], []) == []


def test_score_sums_to_one_over_all_continuations(real: Translator) -> None:
    """The first token's probability, summed over every token there is."""
    import torch

    from dragoman.corpus.batches import collate

    ids = real.model.source_tokenizer.encode("The dog.")
    batch = collate([ids], [[]])
    logits = real.module(batch.source, batch.source_mask, batch.target[:, :-1])
    end = float(torch.softmax(logits, -1)[0, 0, 3].log())
    assert real.score(["The dog."], [""])[0].token_scores == pytest.approx([end], abs=1e-4)


def test_score_refuses_what_it_cannot_read(real: Translator) -> None:
    with pytest.raises(UsageError, match="2 sources and 1 targets"):
        real.score(["a", "b"], ["c"])
    with pytest.raises(UsageError, match="pair 2 has .* leave it out"):
        real.score(["a", "a" * 5000], ["c", "c"])
    assert not real.reads("a" * 5000, "c") and real.reads("a", "c")


def test_the_fast_engine_translates_without_torch(tiny_model: Path) -> None:
    """`dragoman translate` has two seconds from a cold shell; importing torch alone can take them."""
    program = (
        "import sys; from dragoman import Translator; "
        f"t = Translator.load({str(tiny_model)!r}, engine='ctranslate2'); "
        "print(len(t.translate(['The dog.', '', 'A cat.'])), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False"]


def test_without_torch_translating_works_and_scoring_says_what_to_install(tiny_model: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from dragoman import Translator, DragomanError; "
        f"t = Translator.load({str(tiny_model)!r}); print(t.translate('', beam_size=2).text == '')\n"
        "from dragoman.evaluate import evaluate; from dragoman.corpus.pairs import Pair\n"
        "print(*evaluate(t, [Pair('The dog.', 'x')], max_length=4).notes)\n"
        "try: t.score(['a'], ['b'])\n"
        "except DragomanError as error: print(error)\n"
        "try: t.translate('dog', sample=True)\n"
        "except DragomanError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    worked, notes, *refusals = done.stdout.splitlines()
    assert worked == "True"
    assert notes.startswith("no perplexity: this needs torch")
    assert len(refusals) == 2 and all("pip install 'dragoman[train]'" in refusal for refusal in refusals)


def test_both_engines_say_the_same(tiny_model: Path, real: Translator) -> None:
    texts = ["The dog sees the cat.", "A small house. My tree!", "", "你好"]
    with Translator.load(tiny_model, engine="ctranslate2", compute_type="float32") as fast:
        for one, other in zip(fast.translate(texts), real.translate(texts), strict=True):
            assert one.text == other.text
            assert one.score == pytest.approx(other.score, abs=1e-3)
