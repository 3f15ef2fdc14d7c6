"""BERT: against transformers with the same weights; what is hidden from it; gaps, neighbours and labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dragoman.errors import ConfigError, CorpusError, ModelError, UsageError
from dragoman.interop.huggingface import import_bert, read_bert, read_gpt2
from dragoman.model.languagemodels import open_lm
from dragoman.text.splitter import Splitter
from dragoman.text.tokenizer import Tokenizer, TokenizerConfig
from dragoman.text.vocabulary import MASK
from dragoman.training.tasks import classifier
from dragoman.training.tasks.classifier import Example, check_labels, read_labelled
from dragoman.training.tasks.languagemodels import _measured_masked
from dragoman.training.tasks.masking import MaskedData, Words, hide, pair_of
from dragoman.training.tasks.texts import Split, TextConfig
from toys import CHARACTERS, lines, random_lm, settings, trained

SHAPE = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3,
         "intermediate_size": 40, "max_position_embeddings": 20}  # fmt: skip


def write_bert(directory: Path, kind: str = "BertForPreTraining", **settings: Any) -> Any:
    """A BERT of random weights, as transformers writes it; the model too."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.BertConfig(**SHAPE | settings)).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(directory)
    return model


@pytest.mark.parametrize("settings", [{}, {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3}])
@torch.no_grad()
def test_outputs_equal_those_of_transformers(tmp_path: Path, settings: dict[str, Any]) -> None:
    theirs = write_bert(tmp_path, **settings)
    ours = read_bert(tmp_path)
    tokens, real = torch.randint(1, 50, (4, 20)), torch.ones(4, 20, dtype=torch.bool)
    real[1, 12:] = False
    segments = (torch.arange(20) > 8).long().expand(4, 20)
    found = theirs(
        input_ids=tokens, attention_mask=real.long(), token_type_ids=segments, output_hidden_states=True
    )
    hidden = ours.encode(tokens, real, segments)
    torch.testing.assert_close(hidden[real], found.hidden_states[-1][real], atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.words(hidden)[real], found.prediction_logits[real], atol=1e-4, rtol=0)
    # There label 0 says that the second sentence follows.
    torch.testing.assert_close(ours.follows(hidden).flip(1), found.seq_relationship_logits, atol=1e-4, rtol=0)


def test_norms_with_gamma_and_beta_are_read(tmp_path: Path) -> None:
    import safetensors.torch

    write_bert(tmp_path)
    now = read_bert(tmp_path).state_dict()
    weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): w
           for name, w in weights.items()}  # fmt: skip
    safetensors.torch.save_file(old, tmp_path / "model.safetensors")
    then = read_bert(tmp_path).state_dict()
    assert all(torch.equal(now[name], then[name]) for name in now)


def test_weights_without_heads_are_refused_by_name(tmp_path: Path) -> None:
    write_bert(tmp_path, "BertModel")
    with pytest.raises(ModelError, match=r"model.safetensors lacks cls.predictions.bias"):
        read_bert(tmp_path)
    with pytest.raises(ModelError, match="holds a model of type 'bert', not 'gpt2'"):
        read_gpt2(tmp_path)


# -- with its vocabulary ----------------------------------------------------------------------------------------

PIECES = ["赶", "[PAD]", "紧", "[CLS]", "挂", "号", "[MASK]", "the", "##s", "cat", "[UNK]", "，", "[SEP]",
          *(f"[unused{i}]" for i in range(37))]  # fmt: skip


@torch.no_grad()
def test_an_imported_bert_fills_gaps_as_transformers_does(tmp_path: Path) -> None:
    """The whole way: text, tokens, ids that changed places, probabilities, text."""
    transformers = pytest.importorskip("transformers")
    theirs = write_bert(tmp_path / "hf")
    (tmp_path / "hf" / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    import_bert(tmp_path / "hf", tmp_path / "ours")
    ours = open_lm(tmp_path / "ours").masked()
    tokenizer = transformers.BertTokenizer(str(tmp_path / "hf" / "vocab.txt"))
    for text in ("赶紧[MASK]号", "the cats，龘[MASK] the[MASK]"):
        given = tokenizer(text, return_tensors="pt")
        gaps = (given["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
        logits = theirs(**given).prediction_logits[0, gaps]
        logits[
            :, [PIECES.index(word) for word in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
        ] = -torch.inf
        best = logits.softmax(-1).topk(4)
        found = ours.fill(text, best=4)
        for guesses, chances, ids in zip(found, best.values.tolist(), best.indices.tolist(), strict=True):
            assert [g.token for g in guesses] == [PIECES[i].removeprefix("##") for i in ids]
            assert [g.probability for g in guesses] == pytest.approx(chances, rel=1e-3)
    given = tokenizer("赶紧", "挂号", return_tensors="pt")
    follows = theirs(**given).seq_relationship_logits.softmax(-1)[0, 0]
    assert ours.follows("赶紧", "挂号") == pytest.approx(float(follows), rel=1e-3)


@pytest.mark.parametrize(
    "words, message",
    [(None, "has no vocab.txt"), (PIECES[:-1], "has 49 tokens, and the model has 50"),
     (["x", *PIECES[1:6], "y", *PIECES[7:]], r"vocab.txt lacks \[MASK\]")],
)  # fmt: skip
def test_a_vocabulary_of_another_model_is_refused(
    tmp_path: Path, words: list[str] | None, message: str
) -> None:
    write_bert(tmp_path)
    if words is not None:
        (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        import_bert(tmp_path, tmp_path / "ours")


# -- what is hidden ---------------------------------------------------------------------------------------------

VOCABULARY = ("<pad>", "<unk>", "<s>", "</s>", "▁the", "▁un", "believ", "able", "cat", "我", "们", "。",
              "<0xE9>", "<0x91>", "<0xAB>", MASK)  # fmt: skip
WORDS = Words.of(VOCABULARY, "subwords")


def test_fifteen_in_a_hundred_are_hidden_eight_one_one() -> None:
    tokens = np.random.default_rng(0).integers(4, 12, (2000, 50))
    tokens[:, 0], tokens[:, -1] = 2, 3
    read, labels = hide(tokens, WORDS, False, np.random.default_rng(1))
    hidden = labels != 0
    assert not hidden[:, 0].any() and not hidden[:, -1].any()
    assert hidden[:, 1:-1].mean() == pytest.approx(0.15, abs=0.003)
    assert (labels[hidden] == tokens[hidden]).all() and (read[~hidden] == tokens[~hidden]).all()
    masked = (read == len(VOCABULARY) - 1)[hidden].mean()
    same = (read == tokens)[hidden].mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert same == pytest.approx(0.1 + 0.1 / 11, abs=0.01)  # one of the eleven others may be the same again
    assert read[hidden & (read != len(VOCABULARY) - 1)].min() >= 4


def test_a_short_text_has_one_hidden_token_at_least() -> None:
    tokens = np.full((500, 3), 9)
    tokens[:, 0], tokens[:, -1] = 2, 3
    assert ((hide(tokens, WORDS, False, np.random.default_rng(1))[1] != 0).sum(1) == 1).all()


def test_words_are_hidden_whole_and_bytes_always_together() -> None:
    # <s> ▁the ▁un believ able 我 们 [three bytes] 。 </s>
    row = np.array([[2, 4, 5, 6, 7, 9, 10, 12, 13, 14, 11, 3]])
    assert WORDS.numbers(row, True).tolist() == [[0, 1, 2, 2, 2, 3, 4, 5, 5, 5, 6, 7]]
    assert WORDS.numbers(row, False).tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 8, 9]]
    _, labels = hide(row.repeat(3000, 0), WORDS, True, np.random.default_rng(2))
    hidden = labels != 0
    assert (hidden[:, 2] == hidden[:, 3]).all() and (hidden[:, 2] == hidden[:, 4]).all()
    assert (hidden[:, 7] == hidden[:, 9]).all()
    assert (hidden[:, 5] != hidden[:, 6]).any()


def test_what_a_word_is_depends_on_what_a_token_is() -> None:
    pieces = Words.of(("<pad>", "<unk>", "<s>", "</s>", "cat", "##s", "the", "号", MASK), "wordpiece")
    assert pieces.numbers(np.array([[2, 6, 4, 5, 7, 3]]), True).tolist() == [[0, 1, 2, 2, 3, 4]]
    whole = Words.of(("<pad>", "<unk>", "<s>", "</s>", "cat", "dog", MASK), "words")
    assert whole.numbers(np.array([[4, 5, 4]]), True).tolist() == [[0, 1, 2]]
    letters = Words.of(("<pad>", "<unk>", "<s>", "</s>", "a", "b", "▁", MASK), "characters")
    assert letters.numbers(np.array([[4, 5, 6, 5]]), True).tolist() == [[0, 0, 1, 2]]


def test_half_of_the_pairs_follow_and_the_others_never_do() -> None:
    text = [[i] for i in range(4, 204)]
    given = Split([str(i) for i in range(200)], ["0", "1"])
    data = MaskedData(given, lambda some: [text[int(line)] for line in some], Words.of(("x",) * 300, "words"),
                      TextConfig(longest=8, next_sentence=True), 1)  # fmt: skip
    follows, seen = [], 0
    for batch in data.epoch(0, 0, 400):
        whole = torch.where(batch.target[:, 1:] != 0, batch.target[:, 1:], batch.source)
        for row, answer in zip(whole.tolist(), batch.follows.tolist(), strict=True):
            seen += 1
            assert row[0] == 2 and row[2] == row[4] == 3
            assert (row[3] == row[1] + 1) == bool(answer)
            follows.append(answer)
        assert batch.segments[0].tolist() == [0, 0, 0, 1, 1]
    assert seen == 199 and 0.35 < sum(follows) / seen < 0.65
    again = [batch.source for batch in data.epoch(0, 2, 400)]
    assert all(torch.equal(a, b.source) for a, b in zip(again, list(data.epoch(0, 0, 400))[2:], strict=True))


def test_a_line_is_cut_after_a_comma_or_a_stop_that_has_something_on_either_side() -> None:
    signs = "我你他，。 .3ab"
    words = Words.of(("<pad>", "<unk>", "<s>", "</s>", *signs.replace(" ", "▁"), MASK), "characters")

    def parts(line: str) -> list[str]:
        return [f"{line[:i]}|{line[i:]}" for i in words.cuts([signs.index(sign) + 4 for sign in line])]

    assert parts("我你，他他。我你。") == ["我你，|他他。我你。", "我你，他他。|我你。"]
    assert parts("我你。。") == parts("，我你他") == parts("我") == parts("") == []
    assert parts("ab. ab") == ["ab.| ab"] and parts("a3.3a") == []


def test_the_halves_of_a_line_follow_each_other_and_those_of_two_lines_do_not() -> None:
    """The bundled corpus is single sentences: its second halves are what BERT learns task 2 from."""
    words = Words.of(("<pad>", "<unk>", "<s>", "</s>", *map(str, range(100)), "，", MASK), "words")
    text = [[i, i, 104, i, i] for i in range(4, 94)] + [[100, 100, 100]] * 10  # the last have no comma
    given = Split([str(i) for i in range(100)], ["0", "1"])
    config = TextConfig(longest=12, next_sentence=True, cut_lines=True)
    data = MaskedData(given, lambda some: [text[int(line)] for line in some], words, config, 1)
    answers, marks = [], 0
    for batch in data.epoch(0, 0, 400):
        whole = torch.where(batch.target[:, 1:] != 0, batch.target[:, 1:], batch.source)
        for row, segments, answer in zip(
            whole.tolist(), batch.segments.tolist(), batch.follows.tolist(), strict=True
        ):
            firsts, seconds = ({token for token, s in zip(row, segments, strict=True) if s == side and
                                4 <= token < 104} for side in (0, 1))  # fmt: skip
            assert (answer == -1) == (not seconds) and (not seconds or (firsts == seconds) == bool(answer))
            marks += answer >= 0 and 104 in row
            answers.append(answer)
    pairs = len(answers) - answers.count(-1)
    assert len(answers) == 100 and 55 <= pairs <= 80, "a quarter of the lines that could be cut stay whole"
    assert 0.3 < answers.count(1) / pairs < 0.7 and 0.3 < marks / pairs < 0.7


def test_halves_are_refused_where_nobody_asks_for_pairs_or_no_line_has_two() -> None:
    with pytest.raises(ConfigError, match="set data.next_sentence=true too"):
        TextConfig(cut_lines=True)
    with pytest.raises(CorpusError, match="two lines with a comma or a stop inside"):
        MaskedData(Split(["我", "你"], ["我", "你"]), lambda some: [[4, 5]] * len(some), WORDS,
                   TextConfig(next_sentence=True, cut_lines=True), 1)  # fmt: skip


@pytest.mark.parametrize("first, second, kept", [(10, 3, (6, 3)), (3, 10, (3, 6)), (9, 8, (5, 4)), (7, 7, (5, 4)),
                                                 (2, 2, (2, 2))])  # fmt: skip
def test_the_longer_of_a_pair_is_cut(first: int, second: int, kept: tuple[int, int]) -> None:
    tokens, segments, _ = pair_of([8] * first, [9] * second, 12, 1)
    assert (tokens.count(8), tokens.count(9)) == kept
    assert len(tokens) == len(segments) <= 12 and tokens[-1] == 3


# -- text -------------------------------------------------------------------------------------------------------


def test_a_gap_is_one_token_for_every_unit(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(lines(), TokenizerConfig(vocab_size=300))
    for number, splitter in enumerate((CHARACTERS, Splitter("subwords", tokenizer))):
        model = random_lm(tmp_path / str(number), "bert", splitter).masked()
        gap = len(model.vocabulary.words) - 1
        for text in (f"{MASK}我", f"我{MASK}{MASK}你", f"我看见{MASK}"):
            ids = model._with_gaps(text)
            assert ids.count(gap) == text.count(MASK)
            assert model.vocabulary.decode([i for i in ids if i != gap]) == text.replace(MASK, "")


def test_fill_gives_probabilities_and_whole_texts_and_never_special_tokens(tmp_path: Path) -> None:
    model = random_lm(tmp_path, "bert").masked()
    (guesses,) = model.fill(f"我看见{MASK}。", best=1000)
    assert sum(guess.probability for guess in guesses) == pytest.approx(1, abs=1e-4)
    assert [g.probability for g in guesses] == sorted((g.probability for g in guesses), reverse=True)
    assert all(guess.text == f"我看见{guess.token}。" for guess in guesses)
    assert len(guesses) == len(model.vocabulary.words) - 5
    with pytest.raises(UsageError, match=r"there is no gap in '我看见': write \[MASK\]"):
        model.fill("我看见")


def test_what_stands_around_a_gap_stays_as_it_was_written(tmp_path: Path) -> None:
    """Signs that have no token too; and where a guess begins with a space, there is one."""
    tokenizer = Tokenizer.train([*lines(), *["the cat sees a dog"] * 40], TokenizerConfig(vocab_size=320))
    model = random_lm(tmp_path, "bert", Splitter("subwords", tokenizer)).masked()
    for guess in model.fill(f"鑫 the{MASK}鑫", best=300)[0]:
        assert guess.text.startswith("鑫 the") and guess.text.endswith("鑫")
    spaced = [guess for guess in model.fill(f"a {MASK}", best=300)[0] if guess.token.isalpha()]
    assert spaced and all(guess.text == f"a {guess.token}" for guess in spaced)


def test_a_text_longer_than_the_positions_is_refused(tmp_path: Path) -> None:
    model = random_lm(tmp_path, "bert").masked()
    with pytest.raises(UsageError, match="a text of 32 tokens is too long: the model has 24 positions"):
        model.fill("我" * 29 + MASK)
    with pytest.raises(UsageError, match="is too long"):
        model.follows("我" * 20, "你" * 20)


def test_models_that_cannot_answer_say_who_can(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match="'gpt', which does not answer dragoman lm fill: it answers perplexity and",
    ):
        random_lm(tmp_path / "gpt", "gpt").masked()
    found = random_lm(tmp_path / "bert", "bert")
    with pytest.raises(
        UsageError, match="does not answer dragoman lm perplexity: it answers fill, next and classify"
    ):
        found.language_model()
    with pytest.raises(UsageError, match="this model knows no labels"):
        found.masked().classify([("我",)])


def pattern(count: int) -> list[str]:
    """Lines in which each sign tells its neighbours, and each line the next."""
    return ["狗猫鸟狗猫鸟" if i % 2 else "我你他我你他" for i in range(count)]


def test_it_learns_what_is_hidden_and_what_follows(tmp_path: Path) -> None:
    config = settings("bert", model={"d_model": 32}, data={"next_sentence": True, "held_out": 10, "joined": True},
                      optimizer={"peak_lr": 1e-2}, training={"max_steps": 150, "batch_tokens": 600},
                      validation={"every": 50})  # fmt: skip
    _, said = trained(tmp_path, config, pattern(120))
    assert f"dragoman lm fill -m {tmp_path}" in said
    model = open_lm(tmp_path).masked()
    assert model.fill(f"我你{MASK}我你他")[0][0].token == "他"
    assert model.follows("我你他我你他", "狗猫鸟狗猫鸟") > 0.5 > model.follows("我你他我你他", "我你他我你他")


def test_a_line_by_itself_is_no_pair_that_was_answered_wrongly(tmp_path: Path) -> None:
    opened = random_lm(tmp_path, "bert")
    text = ["我你他我。狗猫鸟狗。" if i % 2 else "我你他" for i in range(40)]
    words = Words.of(opened.vocabulary.words, "characters")
    config = TextConfig(longest=24, next_sentence=True, cut_lines=True)
    data = MaskedData(Split(text, text), opened.vocabulary.encode, words, config, 1)
    batches = data.dev_batches(300)
    found = _measured_masked(data, batches, opened.module).numbers()["next_sentence_accuracy"]
    bert = opened.masked().model
    answers = []
    for batch in batches:
        with torch.no_grad():
            said = bert.follows(bert.encode(batch.source, batch.source_mask, batch.segments)).argmax(-1)
        answers += [
            yes == label
            for yes, label in zip(said.tolist(), batch.follows.tolist(), strict=True)
            if label >= 0
        ]
    assert 0 < len(answers) < len(text) and found == pytest.approx(sum(answers) / len(answers), abs=1e-4)


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path, workers: int) -> None:
    config = settings("bert", model={"dropout": 0.2}, data={"next_sentence": True},
                      training={"max_steps": 6, "workers": workers}, validation={"every": 3})  # fmt: skip
    trained(tmp_path / "whole", config)
    result, _ = trained(tmp_path / "parts", config, max_minutes=0)
    while not result.finished:
        result, _ = trained(tmp_path / "parts", config, resume=True, max_minutes=0)
    whole, parts = (open_lm(tmp_path / name).module.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


# -- labels -----------------------------------------------------------------------------------------------------


def labelled(pairs: bool) -> list[Example]:
    """The label says whether there is a dog in the text, or the same animal in both."""
    draw = np.random.default_rng(3)
    found = []
    for text in lines(seed=4, count=240):
        if pairs:
            a, b = ("狗" if draw.random() < 0.5 else "猫" for _ in range(2))
            found.append(Example((f"我{a}", f"你{b}"), "same" if a == b else "other"))
        else:
            found.append(Example((text[:10],), "dog" if "狗" in text[:10] else "none"))
    return found


@pytest.mark.parametrize("pairs", [False, True])
def test_a_classifier_learns_its_labels(tmp_path: Path, pairs: bool) -> None:
    import io

    from rich.console import Console

    from dragoman.training.session import Session

    base = random_lm(tmp_path / "bert", "bert", d_model=32)
    config = settings("bert", model={**base.config["model"]}, optimizer={"peak_lr": 5e-3},
                      training={"max_steps": 200, "batch_tokens": 500}, validation={"every": 50})  # fmt: skip
    examples = labelled(pairs)
    console = Console(file=io.StringIO(), width=300)
    classifier.start(examples[:200], examples[200:], tmp_path / "labels", config, base, Session(console))
    model = open_lm(tmp_path / "labels").masked()
    said = model.classify([example.texts for example in examples[200:]])
    right = sum(label.name == example.label for label, example in zip(said, examples[200:], strict=True))
    assert right >= 36
    assert all(0.5 <= label.probability <= 1 for label in said)


def test_a_table_of_labels_is_checked_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("好极了\tgood\n\n太差了\tbad\n", encoding="utf-8")
    examples = read_labelled(path)
    assert examples == [Example(("好极了",), "good"), Example(("太差了",), "bad")]
    with pytest.raises(CorpusError, match="dev.tsv: label 'bad' is unknown: the labels are good, fine"):
        check_labels("dev.tsv", examples, ["good", "fine"])
    for text, message in (
        ("没有标签\n", "line 1: a line is  text, tab, label"),
        ("a\tb\tc\td\n", "line 1: a line is"),
        ("a\tx\nb\tc\ty\n", "line 2: 3 columns, and 2 in the lines before"),
        ("a\t\n", "line 1: a line is"),
        ("\n", "has no labelled lines"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CorpusError, match=message):
            read_labelled(path)
