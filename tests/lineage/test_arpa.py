"""ARPA files: KenLM reads ours and finds the same probabilities, and we read what others write."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from dragoman.corpus.monolingual import read_texts
from dragoman.errors import ModelError
from dragoman.lineage.arpa import read_arpa, write_arpa
from dragoman.lineage.ngram import NgramConfig
from dragoman.lineage.ngramlm import NgramLM, train_lm
from dragoman.lineage.perplexity import perplexity
from dragoman.text.splitter import Splitter
from dragoman.text.vocabulary import Vocabulary

CORPUS = Path(__file__).parents[2] / "corpus" / "tatoeba"

# As SRILM writes one: a comment above, a minus for what is never predicted, no <unk>, spaces at will.
FOREIGN = r"""
written by hand
\data\
ngram 1=4
ngram  2 = 3

\1-grams:
-99	<s>	-0.30103
-0.30103	</s>
-0.60206	cat	-0.1
-0.60206	the	-0.2

\2-grams:
-0.1	the cat
-0.2	<s> the
-0.3	cat </s>

\end\
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return list(read_texts([CORPUS / "train.tsv.gz"]))[:4000]


@pytest.fixture(scope="module")
def dev() -> list[str]:
    return list(read_texts([CORPUS / "dev.tsv.gz"]))[:500]


def trained(lines: list[str], prune: tuple[int, ...] = (0,)) -> NgramLM:
    return train_lm(lines, Splitter("characters"), NgramConfig(order=4, prune=prune))


@pytest.mark.parametrize("prune", [(0,), (0, 0, 1)])
def test_kenlm_finds_the_same_perplexity(
    lines: list[str], dev: list[str], prune: tuple[int, ...], tmp_path: Path
) -> None:
    kenlm = pytest.importorskip("kenlm")
    lm = trained(lines, prune)
    write_arpa(tmp_path / "model.arpa", lm.model, lm.vocabulary.words)
    other = kenlm.Model(str(tmp_path / "model.arpa"))
    split = lm.vocabulary.splitter.split(dev)
    theirs = [other.score(" ".join(tokens)) * math.log(10) for tokens in split]
    ours = lm.score(dev)
    assert [line.logprob for line in ours] == pytest.approx(theirs, abs=1e-3)
    tokens = sum(map(len, split)) + len(split)
    assert perplexity(ours).per_token == pytest.approx(math.exp(-sum(theirs) / tokens), abs=1e-4)


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_a_model_comes_back_from_its_file(lines: list[str], name: str, tmp_path: Path) -> None:
    lm = trained(lines, (0, 0, 0, 1))
    write_arpa(tmp_path / name, lm.model, lm.vocabulary.words)
    model, words = read_arpa(tmp_path / name)
    assert words == lm.vocabulary.words
    for ours, theirs in zip(lm.model.keys, model.keys, strict=True):
        assert (ours == theirs).all()
    for ours, theirs in zip(lm.model.logprobs, model.logprobs, strict=True):
        assert np.array_equal(ours[1:], theirs[1:])  # <pad> is not in the file
    for ours, theirs in zip(lm.model.backoffs, model.backoffs, strict=True):
        assert np.array_equal(ours[1:], theirs[1:])


def test_a_foreign_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "foreign.arpa").write_text(FOREIGN)
    model, words = read_arpa(tmp_path / "foreign.arpa")
    lm = NgramLM(model, Vocabulary(words, Splitter("words")))
    assert words == ("<pad>", "<unk>", "<s>", "</s>", "cat", "the")
    seen, backed_off = lm.model.score(lm.vocabulary.encode(["the cat", "cat the"]))
    assert seen.tolist() == pytest.approx([-0.2, -0.1, -0.3])
    # p(cat|<s>): backoff of <s>, then cat; p(the|cat) alike; p(</s>|the) alike.
    assert backed_off.tolist() == pytest.approx([-0.30103 - 0.60206, -0.1 - 0.60206, -0.2 - 0.30103])


def test_kenlm_and_we_read_the_foreign_file_alike(tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm")
    # KenLM takes no comment and no other spelling of the counts.
    strict = FOREIGN.strip().removeprefix("written by hand\n").replace("ngram  2 = 3", "ngram 2=3")
    (tmp_path / "foreign.arpa").write_text(f"{strict}\n")
    model, words = read_arpa(tmp_path / "foreign.arpa")
    lm = NgramLM(model, Vocabulary(words, Splitter("words")))
    other = kenlm.Model(str(tmp_path / "foreign.arpa"))
    for line in ("the cat", "cat the", "cat", ""):
        assert lm.model.score(lm.vocabulary.encode([line]))[0].sum() == pytest.approx(
            other.score(line), abs=1e-4
        )


@pytest.mark.parametrize(
    "before, after, wrong",
    [
        ("\\data\\", "", r"there is no \\data\\"),
        ("ngram 1=4", "ngram 1=5", ":13: .*2-grams:' is no 1-gram"),
        ("ngram  2 = 3", "ngram 3=3", "'ngram 3=3' among the counts"),
        ("-0.1\tthe cat", "-0.1\tthe dog", "'dog' is none of the 1-grams"),
        ("-0.1\tthe cat", "-0.2\t<s> the", "a 2-gram stands there twice"),
        ("-0.1\tthe cat", "0.1\tthe cat", "0.1 is no log10"),
        ("-0.1\tthe cat", "nan\tthe cat", "nan is no log10"),
        ("-0.1\tthe cat", "x\tthe cat", "has no number"),
        ("-0.1\tthe cat", "-0.1\tcat", "'-0.1.tcat' is no 2-gram"),
        ("-0.60206\tthe", "-0.60206\tcat", "'cat' stands there twice"),
        ("\\end\\", "", r"it ends before \\end"),
        ("-0.3\tcat </s>\n\n\\end\\", "", "it ends after 2 of 3 2-grams"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(before: str, after: str, wrong: str, tmp_path: Path) -> None:
    assert before in FOREIGN
    (tmp_path / "wrong.arpa").write_text(FOREIGN.replace(before, after))
    with pytest.raises(ModelError, match=wrong) as caught:
        read_arpa(tmp_path / "wrong.arpa")
    assert "wrong.arpa:" in str(caught.value)


def test_an_ngram_without_its_beginning_is_refused(tmp_path: Path) -> None:
    broken = FOREIGN.replace("= 3\n", "= 3\nngram 3=1\n").replace(
        "\\end\\", "\\3-grams:\n-1\tcat cat the\n\\end\\"
    )
    (tmp_path / "broken.arpa").write_text(broken)
    with pytest.raises(ModelError, match="a 3-gram begins with 2 words that are no 2-gram"):
        read_arpa(tmp_path / "broken.arpa")


def test_higher_orders_than_six_are_refused(tmp_path: Path) -> None:
    counts = "\n".join(f"ngram {n}=1" for n in range(1, 8))
    with gzip.open(tmp_path / "high.arpa.gz", "wt") as file:
        file.write(f"\\data\\\n{counts}\n\\1-grams:\n-1\ta\n")
    with pytest.raises(ModelError, match="it is of order 7, and 6 is the highest here"):
        read_arpa(tmp_path / "high.arpa.gz")


def test_a_token_with_a_space_in_it_cannot_be_written(tmp_path: Path) -> None:
    lm = train_lm(["a b"], Splitter("words"), NgramConfig(1, discount_fallback=True))
    with pytest.raises(ModelError, match="'a b' cannot stand in an ARPA file"):
        write_arpa(tmp_path / "model.arpa", lm.model, (*lm.vocabulary.words[:-1], "a b"))
    assert not list(tmp_path.iterdir())
