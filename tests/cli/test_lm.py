"""`dragoman lm` as its users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.model.directory import find_model

DATA = Path(__file__).parents[2] / "corpus" / "tatoeba"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def ngram(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("lm") / "ngram"
    assert main(["lm", "train", str(DATA / "dev.tsv.gz"), "-o", str(directory), "--order", "3"]) == 0
    return directory


def answer(capsys: Capture, *words: str) -> str:
    assert main(["lm", *words]) == 0
    return capsys.readouterr().out


def refused(capsys: Capture, *words: str) -> str:
    """The one line that a wrong call gets."""
    assert main(["lm", *words]) in (1, 2)
    output, errors = capsys.readouterr()
    assert not output and errors.count("\n") == 1
    return errors


def test_perplexity_for_people_and_for_programs(ngram: Path, capsys: Capture) -> None:
    dev = str(DATA / "dev.tsv.gz")
    found = json.loads(answer(capsys, "perplexity", dev, "-m", str(ngram), "--format", "json"))
    assert 1 < found["perplexity_per_character"] < found["perplexity"] < 100  # of what it was trained on
    assert (found["lines"], found["unknown"]) == (1000, 0)
    text = answer(capsys, "perplexity", dev, "-m", str(ngram))
    assert f"{found['perplexity']:.2f} per token" in text
    assert f"{found['perplexity_per_character']:.2f} per character" in text


def test_other_texts_surprise_more(ngram: Path, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "strange.txt").write_text("龟鳖龙麒麟魑魅魍魉\n", encoding="utf-8")
    strange = answer(
        capsys, "perplexity", str(tmp_path / "strange.txt"), "-m", str(ngram), "--format", "json"
    )
    assert json.loads(strange)["perplexity"] > 500


def test_samples_begin_with_the_prompt_and_differ(ngram: Path, capsys: Capture) -> None:
    words = ("sample", "-m", str(ngram), "--prompt", "我们", "--count", "5", "--longest", "10")
    samples = answer(capsys, *words).splitlines()
    assert len(samples) == 5 == len({*samples})
    assert all(sample.startswith("我们") for sample in samples)
    assert answer(capsys, *words).splitlines() == samples


def test_arpa_out_and_in(ngram: Path, capsys: Capture, tmp_path: Path) -> None:
    arpa, again = str(tmp_path / "model.arpa.gz"), str(tmp_path / "again")
    answer(capsys, "export", "-m", str(ngram), "-o", arpa)
    answer(capsys, "import", arpa, "-o", again, "--unit", "subwords")
    measure = ("perplexity", str(DATA / "dev.tsv.gz"), "-m")
    assert answer(capsys, *measure, again) == answer(capsys, *measure, str(ngram))


def test_pruned_models_are_smaller(ngram: Path, capsys: Capture, tmp_path: Path) -> None:
    pruned = tmp_path / "pruned"
    answer(
        capsys, "train", str(DATA / "dev.tsv.gz"), "--order", "3", "--prune", "0", "0", "1", "-o", str(pruned)
    )
    small, large = ((path / "ngram.safetensors").stat().st_size for path in (pruned, ngram))
    assert small < 0.7 * large


def test_what_is_wrong_takes_one_line(ngram: Path, capsys: Capture, tmp_path: Path) -> None:
    dev, out = str(DATA / "dev.tsv.gz"), str(tmp_path / "out")
    small = tmp_path / "small.txt"
    small.write_text("a b\n")
    assert "Add -o" in refused(capsys, "train", dev)
    assert "there is no text" in refused(capsys, "train", "-o", out)
    assert "too small for order 5" in refused(capsys, "train", str(small), "-o", out, "--unit", "words")
    assert "order 7: must lie between 1 and 6" in refused(capsys, "train", dev, "-o", out, "--order", "7")
    assert "--kind" in refused(capsys, "train", dev, "-o", out, "--kind", "abacus")
    assert "add --unit words" in refused(capsys, "train", dev, "-o", out, "--segmenter", "jieba")
    assert "Add -m" in refused(capsys, "perplexity", dev)
    assert "holds a corpus, not a model" in refused(capsys, "perplexity", dev, "-m", str(tmp_path))
    assert "this is a translator" in refused(capsys, "sample", "-m", str(find_model("en-zh-tiny")))
    assert "--temperature 0" in refused(capsys, "sample", "-m", str(ngram), "--temperature", "0")
    assert "no ARPA file" in refused(capsys, "import", str(small), "-o", out)
    assert "cannot be opened" in refused(capsys, "import", str(tmp_path / "none.arpa"), "-o", out)
    assert not Path(out).exists()


def test_row_73_a_language_is_a_distribution_over_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ("今天晚上吃饭。", "饭吃上晚天今。")
    assert main(["lm", "compare", *texts, "--format", "json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert {*first["nats"]} == {"ngram", "nnlm", "rnn", "gpt"}  # BERT gives a text no probability
    assert all(first["nats"][name] > second["nats"][name] for name in first["nats"])
    assert main(["lm", "compare", *texts, "-m", "lineage/ngram", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "集合" in said and "分布" in said
    assert main(["lm", "compare", texts[0]]) == 2
