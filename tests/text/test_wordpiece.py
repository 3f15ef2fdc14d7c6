"""WordPiece against the tokenizer of transformers."""

from pathlib import Path

import pytest

from dragoman.text.wordpiece import WordPiece

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "the", "cat", "##s", ",", ".", "!",
          "赶", "紧", "挂", "号", "，", "e", "##t", "2", "##0", "$", "A", "cafe"]  # fmt: skip
TEXTS = [
    "unaffable", "The cats, the CAT!", "赶紧挂号，the cat.", "Café  été", "200 $2", "catx", "赶 紧\t号\n",
    "un aff able",     "the\u200bcat", "龘号", "a" * 150, "", "   ", "the-cat", "ＡＢ號", "\u00a0the\u3000cat", "𠀀号",
]  # fmt: skip


@pytest.mark.parametrize("lower", [True, False])
def test_tokens_are_those_of_transformers(tmp_path: Path, lower: bool) -> None:
    transformers = pytest.importorskip("transformers")
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    theirs = transformers.BertTokenizer(str(path), do_lower_case=lower)
    ours = WordPiece(frozenset(PIECES), lower)
    for text in TEXTS:
        (tokens,) = ours.split([text])
        assert [token if token in ours.vocabulary else "[UNK]" for token in tokens] == theirs.tokenize(
            text
        ), text


def test_text_comes_back_without_what_was_lost() -> None:
    pieces = WordPiece(frozenset(PIECES))
    assert pieces.join(pieces.split(["赶紧挂号，Unaffable cats"])[0]) == "赶紧挂号，unaffable cats"
