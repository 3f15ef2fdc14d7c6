"""GPT: against transformers with the same weights, and its texts longer than its positions."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from dragoman.config import resolve
from dragoman.errors import ConfigError, CorpusError, ModelError, UsageError
from dragoman.interop.huggingface import read_gpt2
from dragoman.lineage.gpt import Gpt, GptConfig
from dragoman.lineage.kinds import names
from dragoman.model.languagemodels import open_lm
from dragoman.training.tasks.languagemodels import defaults, run_config
from dragoman.training.tasks.texts import TextConfig, split, windows
from toys import SMALL, lines, random_lm, settings, trained

SHAPE = {"vocab_size": 50, "n_positions": 20, "n_embd": 24, "n_layer": 3, "n_head": 3}


def write_gpt2(directory: Path, **settings: Any) -> Any:
    """A GPT-2 of random weights, as transformers writes it; the model too."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(**SHAPE | settings, bos_token_id=0, eos_token_id=0)
    model = transformers.GPT2LMHeadModel(config).eval()
    for weight in model.parameters():  # far from its small start values, so that every part matters
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(directory)
    return model


@pytest.mark.parametrize("settings", [{}, {"activation_function": "gelu", "n_inner": 40}])
@torch.no_grad()
def test_logits_equal_those_of_transformers(tmp_path: Path, settings: dict[str, Any]) -> None:
    theirs = write_gpt2(tmp_path, **settings)
    ours = read_gpt2(tmp_path)
    tokens = torch.randint(0, 50, (4, 20))
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-4, rtol=0)
    state = ours.start(tokens[:, :1], tokens[:, :1] >= 0)
    for place in range(20):
        logits, state = ours.step(tokens[:, place : place + 1], state)
    torch.testing.assert_close(logits, theirs(tokens).logits[:, -1], atol=1e-4, rtol=0)


def test_weights_under_the_names_of_the_first_release_are_read_too(tmp_path: Path) -> None:
    theirs = write_gpt2(tmp_path)
    weights = {
        name.removeprefix("transformer."): w
        for name, w in theirs.state_dict().items()
        if "lm_head" not in name
    }
    weights["h.0.attn.bias"] = torch.ones(1, 1, 20, 20).tril()
    safetensors.torch.save_file(
        {k: w.contiguous().clone() for k, w in weights.items()}, tmp_path / "model.safetensors"
    )
    tokens = torch.arange(10)[None]
    torch.testing.assert_close(read_gpt2(tmp_path)(tokens), theirs(tokens).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model_type": "llama"}, "holds a model of type 'llama', not 'gpt2'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = true"),
        ({"activation_function": "mish"}, "activation_function = 'mish': must be one of gelu_new"),
        ({"n_layer": 2}, "holds h.2.*for which there is no place"),
        ({"n_layer": 4}, "lacks h.3.ln_1.weight"),
        ({"n_positions": 21}, "other sizes than config.json says"),
        ({"n_head": "x"}, "config.json: n_head = 'x': must be a whole number"),
        ({"n_embd": None}, "config.json: n_embd = None"),
        ({"n_head": 5}, "config.json describes no model: .*cannot be divided"),
        ({"activation_function": ["gelu"]}, "must be one of gelu_new"),
    ],
)
def test_foreign_checkpoints_are_refused_in_one_line(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_gpt2(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ModelError, match=message) as caught:
        read_gpt2(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["n_embd", "n_head", "n_layer", "n_positions", "resid_pdrop", "layer_norm_epsilon"]
)
def test_a_setting_that_a_foreign_config_lacks_is_named(tmp_path: Path, key: str) -> None:
    """It used to be a KeyError, with a traceback."""
    write_gpt2(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config[key]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=f"config.json: {key} is missing"):
        read_gpt2(tmp_path)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no config.json: it is no model in Hugging Face format"):
        read_gpt2(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match="has no model.safetensors: other formats are not read"):
        read_gpt2(tmp_path)


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary", "alibi"])
@torch.no_grad()
def test_other_positions_have_no_end_and_step_alike(positions: Any) -> None:
    torch.manual_seed(1)
    model = Gpt(GptConfig(**SMALL["gpt"] | {"positions": positions}), 30).eval()
    tokens = torch.randint(4, 30, (2, 40))
    whole = model(tokens)
    _, state = model.step(tokens[:, :30], model.empty(2))
    torch.testing.assert_close(model.step(tokens[:, 30:], state)[0], whole[:, -1])


def test_a_text_longer_than_the_positions_is_scored_in_windows_each_token_once(tmp_path: Path) -> None:
    found = random_lm(tmp_path, "gpt", max_length=8)
    lm = found.language_model()
    text = "".join(lines(count=6)).replace("。", "")[:29]
    (scored,) = lm.score([text])
    ids = [2, *lm.vocabulary.encode([text])[0], 3]
    # By hand: the first 8 tokens with all before them, then 4 at a time with the 4 to 7 before.
    total, place = 0.0, 1
    while place < len(ids):
        begin = max(min(place + (7 if place == 1 else 3), len(ids) - 1) - 8, 0)
        end = min(begin + 9, len(ids))
        log_p = found.module(torch.tensor([ids[begin : end - 1]]))[0].log_softmax(-1)
        total += sum(float(log_p[i - begin - 1, ids[i]]) for i in range(place, end))
        place = end
    assert scored.logprob == pytest.approx(total, rel=1e-5)
    assert scored.tokens == 30


def test_a_prompt_that_fills_the_positions_is_refused_and_samples_end_where_they_do(tmp_path: Path) -> None:
    lm = random_lm(tmp_path, "gpt", max_length=8).language_model()
    assert len(lm.sample("我你他", 100, 1.0, 3)) <= 8
    with pytest.raises(
        UsageError, match="the prompt has 8 tokens, and the model has 8 positions: shorten it"
    ):
        lm.sample("我你他狗猫鸟树房", 5)


def test_fine_tuning_begins_where_the_model_stands_and_keeps_its_tokens(tmp_path: Path) -> None:
    base = random_lm(tmp_path / "base", "gpt")
    config = settings("gpt", optimizer={"peak_lr": 1e-9, "ema_decay": 0.0}, training={"max_steps": 2})
    trained(tmp_path / "more", config, base=base)
    more = open_lm(tmp_path / "more")
    assert more.vocabulary.words == base.vocabulary.words
    for name, weight in base.module.state_dict().items():
        torch.testing.assert_close(more.module.state_dict()[name], weight, atol=1e-6, rtol=0)
    with pytest.raises(ConfigError, match="keeps its shape"):
        trained(tmp_path / "other", settings("gpt", model={"d_ff": 64}), base=base)


def test_fine_tuning_on_another_text_makes_it_less_surprising(tmp_path: Path) -> None:
    base = settings("gpt", training={"max_steps": 30}, optimizer={"peak_lr": 1e-2})
    trained(tmp_path / "base", base)
    other = [line.replace("。", "！") for line in lines(seed=7)]
    words = lines() + other[:1]  # one line of the new sort, so that its sign has a token
    trained(tmp_path / "knows", base, words)
    found = open_lm(tmp_path / "knows")
    trained(tmp_path / "more", base, other, base=found)
    before, after = (
        -sum(one.logprob for one in lm.language_model().score(other[:50]))
        for lm in (found, open_lm(tmp_path / "more"))
    )
    assert after < 0.9 * before and math.isfinite(after)


# -- windows of text --------------------------------------------------------------------------------------------


def test_windows_overlap_by_one_so_that_every_token_is_predicted_once() -> None:
    encoded = [list(range(10, 21)), [5], []]
    alone = list(windows(encoded, TextConfig(longest=8)))
    assert alone == [[2, *range(10, 18)], [17, 18, 19, 20, 3], [2, 5, 3], [2, 3]]
    joined = list(windows(encoded, TextConfig(longest=8, joined=True)))
    assert joined == [[2, *range(10, 18)], [17, 18, 19, 20, 3, 2, 5, 3, 2], [2, 3]]


def test_held_out_lines_are_not_trained_on_where_they_occur_again() -> None:
    text = [f"{i % 7}" for i in range(70)]
    found = split(text, [], TextConfig(held_out=5), 1)
    assert len(found.dev) == 5 and not set(found.dev) & set(found.train)
    book = split([f"{i}" for i in range(70)], [], TextConfig(held_out=5, joined=True), 1)
    assert book.dev == ["65", "66", "67", "68", "69"]
    small = split([f"{i}" for i in range(70)], [], TextConfig(held_out=1000), 1)
    assert (
        len(small.dev) == 7 and len(small.train) == 63
    )  # 1,000 of 1,100 were once held out, and said so nowhere
    with pytest.raises(CorpusError, match="too few different lines to hold some of them out"):
        split(["again"] * 20, [], TextConfig(), 1)


def test_a_text_too_small_for_one_window_is_refused(tmp_path: Path) -> None:
    config = settings("gpt", data={"joined": True, "held_out": 1})
    with pytest.raises(CorpusError, match=r"too small for data.longest = 24: it has \d+ tokens"):
        trained(tmp_path, config, ["我看见。", "你好。"])


@pytest.mark.parametrize(
    "sections, message",
    [
        ({"data": {"longest": 100}}, "data.longest = 100 is more than the model.max_length = 24 positions"),
        ({"validation": {"metric": "bleu"}}, "validation.metric must be 'loss'"),
        ({"model": {"n_heads": 3}}, "model.d_model = 16 cannot be divided among model.n_heads = 3"),
        ({"model": {"layers": 0}}, "model.layers = 0: must be at least 1"),
    ],
)
def test_contradictions_are_refused(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings("gpt", **sections)


@pytest.mark.parametrize("kind", names(counted=False))
def test_the_defaults_of_each_kind_make_a_configuration(kind: str) -> None:
    assert resolve(run_config(kind), [("defaults", defaults(kind))]).value.model.kind == kind
