"""One run in several directions: what each reads, what is measured, what is refused, and that it resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dragoman.cli import main
from dragoman.corpus.batches import IdStore
from dragoman.errors import ConfigError, CorpusError
from dragoman.model.directory import open_model
from dragoman.text.directions import written
from dragoman.training import checkpoint as checkpoints
from dragoman.training.settings import DataConfig, RunConfig, resolve_run
from dragoman.training.tasks.average import average
from dragoman.training.tasks.origin import Recipe
from dragoman.training.tasks.prepare import TrainingData, prepare
from dragoman.translate.translator import Translator
from smallruns import begin, config, go, state_of, write_corpus

WAYS = ("en>zh", "zh>en")


def both(**changes: dict[str, object]) -> RunConfig:
    changes = {"data": {"directions": WAYS}, "tokenizer": {"vocab_size": 340}, **changes}
    return config(**changes)


def prepared(directory: Path, corpus: list[Path], settings: RunConfig) -> TrainingData:
    recipe = Recipe(
        settings.data, settings.cleaning, settings.tokenizer, settings.augment, settings.training.seed
    )
    return prepare(corpus, [], directory / "data", recipe, lambda text: None)


def test_each_direction_reads_every_pair_behind_its_tag(tmp_path: Path) -> None:
    train, _ = write_corpus(tmp_path)
    data = prepared(tmp_path, [train], both(tokenizer={"vocab_size": 340, "sampling": 0.0}))
    tokenizer, store = data.source_tokenizer, data.ids(0)
    read = [
        (tokenizer.pieces(s)[0], tokenizer.decode(s), tokenizer.decode(t))
        for s, t in map(store.__getitem__, range(len(store)))
    ]
    forth = [(source, target) for tag, source, target in read if tag == "⟨zh⟩"]
    back = [(target, source) for tag, source, target in read if tag == "⟨en⟩"]
    assert sorted(forth) == sorted(back) and len(forth) + len(back) == len(read) == data.pairs
    assert all(source.isascii() and not target.isascii() for source, target in forth)


@pytest.mark.parametrize("directions", [WAYS, ()])
def test_a_source_is_known_however_many_authors_stand_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directions: tuple[str, ...]
) -> None:
    """`mlqe-pe=4` was no corpus: the third column of Tatoeba names an author a line, and they were counted first."""
    monkeypatch.setattr("dragoman.training.tasks.gather.MOST_SOURCES", 5)
    train, _ = write_corpus(tmp_path)
    lines = train.read_text(encoding="utf-8").splitlines()
    authors, named = tmp_path / "authors.tsv", tmp_path / "named.tsv"
    half = len(lines) // 2
    authors.write_text(
        "".join(f"{line}\tauthor {n}\n" for n, line in enumerate(lines[:half])), encoding="utf-8"
    )
    named.write_text(
        "".join(f"{line}\t{'rare' if n < 3 else 'wiki'}\n" for n, line in enumerate(lines[half:])), "utf-8"
    )

    def size(*weights: str) -> int:
        settings = both(data={"directions": directions, "held_out": 1, "weights": weights})
        return len(prepared(tmp_path / "-".join(["data", *weights]), [authors, named], settings).ids(0))

    assert size("rare=3", "wiki=0") < size() < size("wiki=3")
    with pytest.raises(ConfigError, match="no corpus is called wikis"):
        size("wikis=3")


@pytest.mark.parametrize(
    ("data", "ways"),
    [
        ({"source": "en", "target": "zh"}, WAYS),
        ({"directions": ("zh>en",)}, ("zh>en", "en>zh")),
        ({"directions": ("en>zh", "en>de")}, ("en>zh", "en>de", "zh>en", "de>en")),
        ({"directions": WAYS}, WAYS),
    ],
)
def test_both_ways_is_every_direction_and_its_reverse(data: dict[str, Any], ways: tuple[str, ...]) -> None:
    config = DataConfig(**data, both_ways=True)
    assert tuple(map(written, config.ways)) == ways and config.several
    assert DataConfig(both_ways=True).ways == (("", ""),)  # languages that nobody named yet


def test_columns_of_one_direction_are_refused_both_ways_too() -> None:
    """They would be heeded by nobody: source and target name both columns."""
    with pytest.raises(ConfigError, match=r"data\.columns goes with several directions"):
        DataConfig("en", "zh", both_ways=True, columns=("mine=zh>en",))


def test_both_ways_reads_what_both_directions_would(tmp_path: Path) -> None:
    """From files whose names tell nothing, too: their order is that of the one direction."""
    train, _ = write_corpus(tmp_path)
    pairs = [line.split("\t") for line in train.read_text(encoding="utf-8").splitlines()]
    sides = [tmp_path / name for name in ("first.txt", "second.txt")]
    for path, texts in zip(sides, zip(*pairs, strict=True), strict=True):
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    one = prepared(tmp_path / "one", sides, both(data={"source": "en", "target": "zh", "both_ways": True}))
    two = prepared(tmp_path / "two", [train], both())
    assert one.source_tokenizer.serialized == two.source_tokenizer.serialized
    read = [[[*map(list, data.ids(0)[n])] for n in range(data.pairs)] for data in (one, two)]
    assert read[0] == read[1]


def test_no_text_can_spell_a_tag(tmp_path: Path) -> None:
    train, _ = write_corpus(tmp_path)
    tokenizer = prepared(tmp_path, [train], both()).source_tokenizer
    assert not {*tokenizer.controls.values()} & {*tokenizer.encode("⟨zh⟩ ⟨en⟩ The dog")}


def test_a_run_in_two_directions_resumes_bit_for_bit(tmp_path: Path) -> None:
    settings = both(
        augment={"upper": 0.3, "cut": 0.2},
        data={"directions": WAYS, "weights": ("train=0.6",)},
        training={"max_steps": 8},
        validation={"every": 4},
    )
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    go(tmp_path / "whole", settings)
    result, _ = go(tmp_path / "parts", settings, max_minutes=0)
    while not result.finished:
        result, _ = go(tmp_path / "parts", settings, resume=True, max_minutes=0)
    assert state_of(tmp_path / "parts") == state_of(tmp_path / "whole")


def test_each_direction_is_measured_and_the_model_says_which_it_has(tmp_path: Path) -> None:
    settings = both(validation={"every": 2, "metric": "bleu"}, training={"max_steps": 2})
    _, said = go(tmp_path, settings)
    for name in ("loss", "bleu", "chrf"):
        assert all(f"{name} {way} " in said for way in WAYS)
    model = open_model(tmp_path / "run")
    assert model.directions == (("en", "zh"), ("zh", "en")) and model.card.startswith("# en -> zh, zh -> en")
    with Translator(model) as translator:
        read = translator.way_of("狗看见一个猫。").plan("狗看见一个猫。").sources[0]
    assert model.source_tokenizer.pieces(read)[0] == "⟨en⟩"


def test_a_checkpoint_of_both_directions_is_a_model_of_both(tmp_path: Path) -> None:
    """Its mean with the run's own model was refused, for languages that it did not have; of two, it went one way."""
    go(tmp_path, both(validation={"every": 2}, training={"max_steps": 2}))
    last = checkpoints.saved(tmp_path / "run" / "checkpoints")[-1]
    assert average([last, tmp_path / "run"], tmp_path / "mean") == []
    assert open_model(tmp_path / "mean").directions == open_model(tmp_path / "run").directions


def test_held_out_pairs_stand_in_no_direction_of_training(tmp_path: Path) -> None:
    train, _ = write_corpus(tmp_path)
    data = prepared(tmp_path, [train], both())
    dev = {side for pair in data.dev["en", "zh"] for side in (pair.source, pair.target)}
    lines = (tmp_path / "data" / "train.tsv").read_text(encoding="utf-8").splitlines()
    assert len(data.dev["en", "zh"]) == len(data.dev["zh", "en"]) > 5
    assert not dev & {side for line in lines for side in line.split("\t")[:2]}


def test_a_tagged_corpus_is_read_behind_its_symbol(tmp_path: Path) -> None:
    train, dev = write_corpus(tmp_path)
    settings = both(
        data={"directions": WAYS, "tags": ("dev=<bt>",)}, tokenizer={"vocab_size": 340, "sampling": 0.0}
    )
    recipe = Recipe(settings.data, settings.cleaning, settings.tokenizer, settings.augment, 1)
    data = prepare([train, dev], [train], tmp_path / "data", recipe, lambda text: None)
    store, symbols = data.ids(0), data.source_tokenizer.controls
    begins = [store[i][0][:2].tolist() for i in range(len(store))]
    assert sum(symbols["<bt>"] in one for one in begins) == 20
    assert [symbols["⟨zh⟩"], symbols["<bt>"]] in begins and [symbols["⟨en⟩"], symbols["<bt>"]] in begins


def test_contradictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the first of data.directions"):
        DataConfig("zh", "en", directions=WAYS)
    with pytest.raises(ConfigError, match=r"tokenizer\.joint = false"):
        both(tokenizer={"joint": False})
    with pytest.raises(ConfigError, match="data.columns: no corpus is called your"):
        go(tmp_path, both(data={"directions": WAYS, "columns": ("your=en>zh",)}))
    with pytest.raises(ConfigError, match=r"data\.columns goes with several directions"):
        DataConfig("zh", "en", columns=("a=en>zh",))


def test_a_later_layer_that_names_directions_names_the_languages(tmp_path: Path) -> None:
    layers = [
        ("--from en-zh", {"data": {"source": "en", "target": "zh"}}),
        ("file", {"data": {"directions": ["zh>en", "en>zh"]}}),
    ]
    found = resolve_run(layers).value.data
    assert (found.source, found.target, found.ways) == ("zh", "en", (("zh", "en"), ("en", "zh")))


def test_a_corpus_that_serves_no_direction_is_named_before_anything_is_written(tmp_path: Path) -> None:
    train, dev = write_corpus(tmp_path)
    sides = [tmp_path / "a.de", tmp_path / "a.en"]
    for side in sides:
        side.write_text("x\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="a.de .*a.en is in de and en, and no direction goes between these"):
        begin([train, *sides], [dev], tmp_path, both())
    assert not (tmp_path / "run").exists()


def test_a_model_of_one_direction_learns_another_with_a_longer_vocabulary(tmp_path: Path) -> None:
    """The tags come into the vocabulary, the run resumes bit for bit, and without being asked nothing is added."""
    short = config(training={"max_steps": 1}, tokenizer={"sampling": 0.0})
    go(tmp_path, short)
    base = open_model((tmp_path / "run").rename(tmp_path / "base"))
    settings = both(
        data={"directions": WAYS, "extend_vocab": 3},
        tokenizer={"sampling": 0.0},
        training={"max_steps": 4},
        validation={"every": 2},
    )
    for name in ("whole", "parts", "none"):
        (tmp_path / name).mkdir()
    _, said = go(tmp_path / "whole", settings, base=base)
    assert "2 symbols; it has" in said and "the first 330 as they were" in said
    result, _ = go(tmp_path / "parts", settings, base=base, max_minutes=0)
    while not result.finished:
        result, _ = go(tmp_path / "parts", settings, base=base, resume=True, max_minutes=0)
    assert state_of(tmp_path / "parts") == state_of(tmp_path / "whole")
    model = open_model(tmp_path / "whole" / "run")
    assert model.source_tokenizer.vocabulary()[:330] == base.source_tokenizer.vocabulary()
    assert model.directions == (("en", "zh"), ("zh", "en"))
    with pytest.raises(ConfigError, match="no symbol ⟨zh⟩ and no ⟨en⟩.*--extend-vocab"):
        go(tmp_path / "none", both(tokenizer={"sampling": 0.0}), base=base)


def test_a_vocabulary_is_extended_only_where_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="adds to the vocabulary of a model that exists: name it with --from"
    ):
        go(tmp_path, config(data={"extend_vocab": 10}))


def test_the_same_directions_are_the_same_setting_however_they_are_spelled() -> None:
    assert DataConfig("en", "zh", directions=("en-zh", "zh->en")) == DataConfig("en", "zh", directions=WAYS)


def test_the_language_that_a_model_simplifies_stays_when_the_first_direction_is_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The bundled model writes simplified Chinese; trained further from Chinese, it read the signs as they came."""
    command = ["train", "--from", "en-zh-tiny", "--print-config", "--extend-vocab", "--directions"]
    for directions, simplified in (("zh-en,en-zh", "source"), ("en-zh,zh-en", "target")):
        assert main([*command, directions]) == 0
        assert f'simplify = "{simplified}"' in capsys.readouterr().out


def test_languages_that_are_named_leave_one_direction_of_a_model_of_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--source-lang en --target-lang zh trained on in both directions; --directions en-zh lost the tag."""
    (tmp_path / "base").mkdir()
    settings = both(training={"max_steps": 1}, tokenizer={"vocab_size": 340, "sampling": 0.0})
    go(tmp_path / "base", settings)
    train, dev = write_corpus(tmp_path)
    shared = ["--set", "training.max_steps=1", "--set", "training.batch_tokens=300", "--dev", str(dev)]
    for number, asked in enumerate(
        (["--source-lang", "eng", "--target-lang", "zh"], ["--directions", "en-zh"])
    ):
        out = tmp_path / str(number)
        command = [
            "train",
            str(train),
            "--from",
            str(tmp_path / "base" / "run"),
            "-o",
            str(out),
            *shared,
            *asked,
        ]
        assert main(command) == 0
        said = capsys.readouterr().err
        assert "translates en -> zh, zh -> en, and is trained on en -> zh from here on" in said
        model = open_model(out)
        assert model.directions == (("en", "zh"),)
        assert model.source_tokenizer.pieces(model.tags(("en", "zh"))) == ["⟨zh⟩"]
        checkpoint = checkpoints.saved(out / "checkpoints")[-1]
        assert average([checkpoint, out], tmp_path / f"mean{number}") == []


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"source": "zh"}, ["zh>en", "zh>de"]),
        ({"target": "zho"}, ["en>zh"]),
        ({"source": "zh", "target": "en"}, ["zh>en"]),
        ({"source": "fr", "target": "en"}, ["fr>en"]),
        ({"target": "zh-Hant"}, ["en>zh-Hant"]),
    ],
)
def test_of_directions_and_languages_what_is_said_later_wins(asked: dict[str, str], left: list[str]) -> None:
    layers = [("a file", {"data": {"directions": ["en>zh", "zh>en", "zh>de"]}}), ("--set", {"data": asked})]
    found = resolve_run(layers).value.data
    assert [">".join(way) for way in found.ways] == left
    assert (found.source, found.target) == found.ways[0]


def test_the_tag_of_a_single_direction_can_be_asked_for(tmp_path: Path) -> None:
    settings = config(data={"tagged": True}, tokenizer={"vocab_size": 340, "sampling": 0.0})
    train, _ = write_corpus(tmp_path)
    data = prepared(tmp_path, [train], settings)
    store, tokenizer = data.ids(0), data.source_tokenizer
    assert {tokenizer.pieces(store[i][0])[0] for i in range(len(store))} == {"⟨zh⟩"}


def test_a_run_that_is_resumed_finds_the_ids_of_its_first_epoch_and_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each start encoded epoch 0 over the one it was to go on with, and then that one again."""
    train, _ = write_corpus(tmp_path)
    settings = both(augment={"upper": 0.3})
    first = prepared(tmp_path, [train], settings)
    expected = [first.ids(3)[i][0].tolist() for i in range(9)]
    monkeypatch.setattr(IdStore, "write_rows", lambda *given: pytest.fail("encoded again"))
    again = prepared(tmp_path, [train], settings)
    assert [again.ids(3)[i][0].tolist() for i in range(9)] == expected
    monkeypatch.undo()
    again.ids(4)
    assert len(list((tmp_path / "data").glob("ids-*"))) == 2


def test_another_sampling_does_not_read_the_ids_of_the_first(tmp_path: Path) -> None:
    """A start that failed left ids that the next one, told to sample otherwise, took for its own."""
    train, _ = write_corpus(tmp_path)
    counts = []
    for sampling in (0.0, 0.9):
        data = prepared(tmp_path, [train], both(tokenizer={"vocab_size": 340, "sampling": sampling}))
        counts.append(sum(map(int, data.ids(0).lengths()[0])))
    assert counts[0] < counts[1]
