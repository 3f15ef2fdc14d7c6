"""A vocabulary that has become longer: what was spelled before is spelled so still, and what was not is one piece."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import pytest

import foreign
from dragoman.errors import ConfigError
from dragoman.ids import SPECIALS, UNK
from dragoman.text import extension
from dragoman.text.extension import extended, spelling
from dragoman.text.mapped import MappedTokenizer, Table, sealed, tokenizer_of
from dragoman.text.tokenizer import Tokenizer, TokenizerConfig
from tiny import lines

Kind = Literal["unigram", "bpe"]
NEW = ["龙在天空飞翔。", "Zauberkunst ist Zauberkunst.", "龙和Zauberkunst在天空。"] * 40


def pair(kind: Kind, most: int = 200, symbols: tuple[str, ...] = ("⟨de⟩",)) -> tuple[Tokenizer, Tokenizer]:
    config = TokenizerConfig(kind=kind, vocab_size=360)
    old = Tokenizer.train(lines(1), config)
    return old, extended(old, NEW, config, symbols, most)[0]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def both(request: pytest.FixtureRequest) -> tuple[Tokenizer, Tokenizer]:
    return pair(request.param)


def test_the_ids_that_were_there_mean_what_they_meant(both: tuple[Tokenizer, Tokenizer]) -> None:
    old, new = both
    assert new.vocabulary()[: old.vocab_size] == old.vocabulary()
    assert [new.encode(line) for line in lines(1)] == [old.encode(line) for line in lines(1)]


def test_characters_that_were_bytes_have_pieces(both: tuple[Tokenizer, Tokenizer]) -> None:
    old, new = both
    assert any(piece.startswith("<0x") for piece in old.pieces(old.encode("龙飞")))
    assert not any(piece.startswith("<0x") for piece in new.pieces(new.encode("龙飞翔")))


def test_new_text_is_shorter_and_comes_back(both: tuple[Tokenizer, Tokenizer]) -> None:
    old, new = both
    for line in (NEW[0], NEW[2]):
        assert len(new.encode(line)) < len(old.encode(line))
        assert new.decode(new.encode(line)) == line


def test_a_symbol_is_added_and_no_text_spells_it(both: tuple[Tokenizer, Tokenizer]) -> None:
    old, new = both
    assert new.controls == {"⟨de⟩": old.vocab_size}
    assert old.vocab_size not in new.encode("⟨de⟩ das")


def test_reserved_placeholders_are_added_as_one_token_each() -> None:
    """A model without them that was trained further with tokenizer.placeholders went on without, in silence."""
    config = TokenizerConfig(vocab_size=360, placeholders=3)
    old = Tokenizer.train(lines(1), replace(config, placeholders=1))
    new, added = extended(old, NEW, config, (), 0)
    assert added.symbols == ("⟦1⟧", "⟦2⟧")
    assert list(new.placeholders) == ["⟦0⟧", "⟦1⟧", "⟦2⟧"]
    assert new.encode("a⟦2⟧b").count(new.placeholders["⟦2⟧"]) == 1
    assert new.decode(new.encode("das ⟦2⟧ ist")) == "das ⟦2⟧ ist"


def test_of_a_long_corpus_lines_from_everywhere_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first 200,000 lines were all of one file, and the characters of the others stayed bytes."""
    monkeypatch.setattr(extension, "_LINES", 60)
    old = Tokenizer.train(lines(1), TokenizerConfig(vocab_size=360))
    new, _ = extended(old, ["a b c"] * 100 + ["龙"] * 100, TokenizerConfig(vocab_size=360), (), 9)
    assert not any(piece.startswith("<0x") for piece in new.pieces(new.encode("龙")))


def test_no_more_is_added_than_asked_for_and_always_the_same() -> None:
    old, new = pair("unigram", 5)
    assert new.vocab_size == old.vocab_size + 1 + 5
    assert pair("unigram", 5)[1].serialized == new.serialized
    again, added = extended(new, NEW, TokenizerConfig(vocab_size=360), ("⟨de⟩",), 0)
    assert again.serialized == new.serialized and not added and str(added) == "nothing"


def test_a_piece_is_spelled_as_it_is_within_a_word(both: tuple[Tokenizer, Tokenizer]) -> None:
    old, _ = both
    assert spelling(old, "\u2581dog") == old.encode("dog")
    assert not old.pieces(spelling(old, "g"))[0].startswith("\u2581")


# -- a vocabulary that others made ------------------------------------------------------------------------------------

ODD = [
    "the zebra sees a dog",
    "斑马看见狗。",
    "der Fuß，ｚebra",
] * 40  # with signs that it has not, and folded ones


def mapped(kind: str, path: Path) -> MappedTokenizer:
    """Cut by a SentencePiece model without bytes, of whose pieces the table numbers all but two."""
    spm = foreign.trained(path / "spm", lines(1), 300, model_type=kind)
    pieces = [piece for piece in foreign.pieces_of(spm) if piece not in ("▁dog", "看")]
    table = Table("marian", [*SPECIALS, *pieces], {})
    return MappedTokenizer(sealed(table, (path / "spm").read_bytes()))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_an_imported_vocabulary_lacks_is_added(kind: Kind, tmp_path: Path) -> None:
    """--extend-vocab said of every imported model that its special ids were wrong."""
    old = mapped(kind, tmp_path)
    config = TokenizerConfig(kind="mapped", vocab_size=360)
    new, added = extended(old, ODD, config, (), 60)
    assert {"斑", "z", "ß"} <= set(added.characters) and {"▁dog", "看"} <= set(added.pieces)
    assert new.vocabulary()[: old.vocab_size] == old.vocabulary()
    assert all(UNK in old.encode(line) and UNK not in new.encode(line) for line in ODD)
    assert [new.decode(new.encode(line)) for line in ODD[:3]] == [*ODD[:2], "der Fuß,zebra"]
    known = [line for line in lines(1) if UNK not in old.encode(line)]
    assert known and [new.encode(line) for line in known] == [old.encode(line) for line in known]
    assert len(extended(old, ODD, config, (), 4)[1]) == 4
    assert not extended(new, ODD, config, (), 60)[1].characters
    assert tokenizer_of(new.serialized).encode(ODD[0]) == new.encode(ODD[0])


def test_an_imported_vocabulary_takes_no_symbol(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes no symbol <de>"):
        extended(mapped("unigram", tmp_path), ODD, TokenizerConfig(kind="mapped"), ("<de>",), 9)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_piece_is_spelled_as_the_text_it_stands_in(kind: Kind, tmp_path: Path) -> None:
    old = mapped(kind, tmp_path)
    assert (
        old.pieces(spelling(old, "▁the")) == ["▁the"] or "".join(old.pieces(spelling(old, "▁the"))) == "▁the"
    )
    assert "".join(old.pieces(spelling(old, "og"))) == "og"
    assert UNK in spelling(old, "斑") and UNK in spelling(old, "▁斑")
