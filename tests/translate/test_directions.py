"""A model of several directions at the door: which way a text goes, what the model reads, and who sees no tag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dragoman.errors import ModelError, UsageError
from dragoman.model.directory import open_model
from dragoman.text.normalize import to_traditional
from dragoman.translate.translator import EngineName, Translator
from tiny import parts

EN, ZH = "The small dog sees my cat.", "我看见红房子。"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = parts(directions=("en>zh", "zh>en"), symbols=("<bt>",))
    return made.write(tmp_path_factory.mktemp("models") / "both")


@pytest.fixture(scope="module")
def translator(directory: Path) -> Translator:
    return Translator.load(directory)


def read_by(translator: Translator, text: str) -> list[str]:
    return translator.model.source_tokenizer.pieces(translator.plan(text).sources[0])


def test_the_script_of_each_text_decides(translator: Translator) -> None:
    assert read_by(translator, EN)[0] == "⟨zh⟩" and read_by(translator, ZH)[0] == "⟨en⟩"


def test_full_width_digits_are_those_of_the_other_language(translator: Translator) -> None:
    assert "123" in translator.translate("我看见１２３。").text
    assert "１２３" in translator.translate("１２３ dogs see me.").text


def test_languages_that_are_named_go_before_the_script(translator: Translator) -> None:
    assert translator.toward("zh").way_of(EN).languages == ("zh", "en")
    assert translator.toward(target="zh-TW").languages == ("en", "zh")


def test_wrong_languages_are_refused_by_name(translator: Translator) -> None:
    with pytest.raises(UsageError, match="de -> any: this model translates en -> zh, zh -> en"):
        translator.toward("de")
    with pytest.raises(UsageError, match="xxyy: no language has this code"):
        translator.toward("xxyy")


def test_a_list_of_both_languages_is_translated_as_each_alone(translator: Translator) -> None:
    texts = [EN, ZH, "42", EN]
    forth, back = translator.toward("en"), translator.toward("zh")
    alone = [one.translate(text).text for one, text in zip((forth, back, forth, forth), texts, strict=True)]
    assert [found.text for found in translator.translate(texts)] == alone


@pytest.mark.parametrize("engine", ["torch", "ctranslate2"])
def test_attention_and_tokens_are_those_of_the_text(directory: Path, engine: EngineName) -> None:
    with Translator.load(directory, engine=engine) as translator:
        found = translator.translate(ZH, alignments=True, beam_size=2)
    assert "".join(found.source_tokens).strip("▁") == ZH
    assert found.alignment and all(source < len(found.source_tokens) for source, _ in found.alignment)


def test_a_score_is_that_of_the_direction(translator: Translator) -> None:
    (forth,) = translator.toward("en").score([EN], [ZH])
    (chosen,) = translator.score([EN], [ZH])
    (other,) = translator.toward("zh").score([EN], [ZH])
    assert forth.logprob == chosen.logprob != other.logprob
    assert translator.toward("en").encode(EN, ZH)[0] == translator.plan(EN, protect=False).sources[0]


def test_a_tag_is_read_only_where_it_is_asked_for(translator: Translator) -> None:
    assert read_by(translator, EN)[:2] != ["⟨zh⟩", "<bt>"]
    assert read_by(translator.toward(tags=["<bt>"]), EN)[:2] == ["⟨zh⟩", "<bt>"]
    with pytest.raises(UsageError, match="the model knows no tag '⟨en⟩': there is <bt>"):
        translator.toward(tags=["⟨en⟩"])


def test_all_directions_share_one_module_and_one_set_of_engines(translator: Translator) -> None:
    forth = translator.toward("en")
    assert forth.module is translator.module and forth._engines is translator._engines


def test_a_directory_without_the_tags_it_needs_is_refused(tmp_path: Path) -> None:
    whole = parts(directions=("en>zh", "zh>en"))
    whole.config["languages"]["directions"] = ["en>zh", "zh>de"]
    with pytest.raises(ModelError, match="has no symbol ⟨de⟩"):
        whole.write(tmp_path / "model")
    whole.config["languages"]["directions"] = ["zh>en", "en>zh"]
    with pytest.raises(ModelError, match="begins with zh -> en, and languages.source"):
        whole.write(tmp_path / "model")


def test_a_model_of_one_direction_is_what_it_was(tiny_model: Path) -> None:
    model = open_model(tiny_model)
    assert model.directions == (model.languages,) and model.tags(model.languages) == []
    with Translator(model) as translator:
        assert translator.toward() is translator.toward("eng", "zho") is translator.way_of(ZH) is translator


# -- text that is in the target language already -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def simplifying(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """One that was taught simplified signs."""
    made = parts(directions=("en>zh", "zh>en"))
    config = made.config | {"cleaning": {"normalize": True, "simplify": "target"}}
    return Translator.load(replace(made, config=config).write(tmp_path_factory.mktemp("models") / "both"))


TRADITIONAL, SIMPLIFIED = "我看見紅房子。", "我看见红房子。"


@pytest.mark.parametrize(
    "source, target, text, expected",
    [
        (None, "zh", TRADITIONAL, SIMPLIFIED),
        (None, "zh-Hans", TRADITIONAL, SIMPLIFIED),
        (None, "zh-TW", SIMPLIFIED, TRADITIONAL),
        (None, "zh", SIMPLIFIED, SIMPLIFIED),
        (None, "zh-Hant", TRADITIONAL, TRADITIONAL),
        (None, "en", EN, EN),
        (None, "zh", "NASA看見紅房子。", "NASA看见红房子。"),
        (None, "zh", "我看見 https://a.b/紅房子 了。", "我看见 https://a.b/紅房子 了。"),
        ("zh", "zh", TRADITIONAL, SIMPLIFIED),
        ("zh-Hant", "zh-Hans", TRADITIONAL, SIMPLIFIED),
        ("zh", "zh-Hant", f"  {SIMPLIFIED}\t{SIMPLIFIED}\n", f"  {TRADITIONAL}\t{TRADITIONAL}\n"),
        ("en", "en", f"{EN}  {EN}", f"{EN}  {EN}"),
    ],
)
def test_text_of_the_target_language_changes_its_script_at_most(
    simplifying: Translator, source: str | None, target: str, text: str, expected: str
) -> None:
    """Traditional text came back as it was where simplified was wanted, and `zh -> zh-Hans` was refused."""
    found = simplifying.toward(source, target).translate(text)
    assert (found.text, found.score, found.tokens) == (expected, None, [])


def test_a_sentence_of_the_target_language_stays_among_others(simplifying: Translator) -> None:
    """English that was read as Chinese came back as half of both."""
    alone = simplifying.toward("zh").translate(ZH).text
    assert simplifying.toward(target="en").translate(f"{EN}\n{ZH}").text == f"{EN}\n{alone}"
    written = simplifying.toward("en").translate(EN).text
    assert (
        simplifying.toward(target="zh").translate(f"{EN}\n{TRADITIONAL}").text == f"{written}\n{SIMPLIFIED}"
    )


def test_words_in_full_width_letters_are_read(simplifying: Translator) -> None:
    """They came back as they were."""
    assert simplifying.translate("Ｔｈｅ　ｃａｔ").text == simplifying.translate("The cat").text


def test_what_stays_keeps_the_texts_within_it(simplifying: Translator) -> None:
    message = "{n, plural, one {# dog} other {# dogs}}"
    assert simplifying.toward("zh", "en").translate(f"OK！{message}").text == f"OK! {message}"


def test_python_writes_traditional_signs_too(simplifying: Translator) -> None:
    """They were written on the command line and by the service alone."""
    written = simplifying.toward("en", "zh").translate(EN, n_best=2, beam_size=2)
    found = simplifying.toward("en", "zh-Hant").translate(EN, n_best=2, beam_size=2)
    assert found.text == to_traditional(written.text)
    assert [one.text for one in found.alternatives] == [
        to_traditional(one.text) for one in written.alternatives
    ]
