"""A new language model is one file and one line: a convolutional one, added as a stranger would add it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from dragoman.lineage.kinds import LANGUAGE_MODELS, Objective, Verb, kind_of, names
from dragoman.model.kinds import TRANSLATORS
from dragoman.training.tasks.languagemodels import OBJECTIVES
from toys import lines

# The file. Its class is all that is new: what a language model can do, CausalLM does.
FILE = '''
"""A language model of causal convolutions (after Dauphin et al., 2017, without the gates). Knows no text."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import nn

from dragoman.bounds import LAYERS, SHARE, SIZE, Within, refuse_out_of_bounds
from dragoman.lineage.causal import CausalLM
from dragoman.lineage.kinds import NeuralKind
from dragoman.transformer.parts import PAGE


@dataclass(frozen=True)
class ConvConfig:
    """The shape of a convolutional language model."""

    kind: Annotated[Literal["conv"], "of language model"] = "conv"
    d_model: Annotated[int, "width of the residual stream", SIZE] = 64
    layers: Annotated[int, "convolutions, each with a residual connection", LAYERS] = 2
    width: Annotated[int, "tokens that a convolution sees", Within(2, 100)] = 3
    dropout: Annotated[float, "on the features before the output", SHARE] = 0.1

    def __post_init__(self):
        refuse_out_of_bounds(self, "model")

    @property
    def window(self):
        return self.layers * (self.width - 1) + 1


@dataclass(frozen=True)
class Seen:
    """The tokens that the next prediction looks at [R, n]. Belongs to the search."""

    tokens: torch.Tensor

    def select(self, rows):
        return Seen(self.tokens[rows])


class ConvLm(CausalLM):
    """Each layer sees the tokens before and none after."""

    def __init__(self, config, vocab, parts=PAGE):
        super().__init__()
        self.config = config
        self.embedding = parts.table(vocab, config.d_model)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.d_model, config.d_model, config.width) for _ in range(config.layers)
        )
        self.dropout = parts.dropout(config.dropout)
        nn.init.normal_(self.embedding.weight, std=config.d_model**-0.5)

    @property
    def output_weight(self):
        return self.embedding.weight

    def empty(self, rows):
        return Seen(torch.zeros(rows, 0, dtype=torch.long, device=self.embedding.weight.device))

    def advance(self, tokens, state):
        seen = torch.cat((state.tokens, tokens), 1)
        x = self.embedding(seen).transpose(1, 2)  # [R, D, T]
        for convolution in self.convolutions:
            x = x + torch.relu(convolution(nn.functional.pad(x, (self.config.width - 1, 0))))
        reach = self.config.layers * (self.config.width - 1)
        return self.dropout(x.transpose(1, 2)[:, -tokens.size(1):]), Seen(seen[:, -reach:])


CONV = NeuralKind("conv", ConvConfig, ConvLm, {"optimizer": {"peak_lr": 5e-3}}, reads="window")
'''

# The line, and then the command line as it is for everybody: a command a line of standard input.
LINE = """
import sys
from dragoman.lineage import kinds

kinds.LANGUAGE_MODELS = (*kinds.LANGUAGE_MODELS, kinds.Line("conv", "convolutions:CONV"))

from dragoman.cli import main

for command in sys.stdin.read().splitlines():
    print(f"\\f{main(command.split())}", flush=True)
"""
SETTINGS = (
    "model.d_model=16 data.longest=24 data.held_out=20 training.max_steps=120 training.batch_tokens=300 "
    "validation.every=60 optimizer.warmup_steps=5 optimizer.ema_decay=0.9"
)
COMMANDS = f"""lm train --help
lm train --kind conv --print-config --set model.width=4
lm train text.txt --kind conv -o run --unit characters {" ".join(f"--set {s}" for s in SETTINGS.split())}
lm perplexity text.txt -m run
lm sample -m run --prompt 我看
lm fill [MASK] -m run
lineage 我[]你 -m run --lang en
lm train text.txt --kind conv -o other --set model.widht=3
"""


def test_a_stranger_adds_a_language_model_with_one_file_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "convolutions.py").write_text(FILE, encoding="utf-8")
    (tmp_path / "text.txt").write_text("\n".join(lines()) + "\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", LINE], input=COMMANDS, cwd=tmp_path, env=environment, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
    )  # fmt: skip
    # What each command said ends in its exit code, after a form feed.
    said = re.findall(r"(.*?)\f(\d+)\n", done.stdout, re.S)
    assert [code for _, code in said] == ["0", "0", "0", "0", "0", "2", "0", "2"], done.stdout
    shown, config, _, measured, sample, filled, blank, mistyped = (text for text, _ in said)
    assert "n-grams (counted), nnlm, rnn, gpt, bert or conv (learnt" in " ".join(shown.split())
    assert "peak_lr = 0.005" in config and "width = 4 " in config
    # The text has 25 different signs: it has learnt something, and what was sealed is what was learnt.
    assert 1 < float(measured.split()[1]) < 20
    assert sample.startswith("我看")
    assert "'conv', which does not answer dragoman lm fill: it answers perplexity and sample" in filled
    assert "just before the blank, and no others" in blank
    assert "model.widht is no option" in mistyped
    assert 'kind = "conv"' in (tmp_path / "run" / "config.toml").read_text(encoding="utf-8")


def test_a_kind_stands_under_its_name_and_loads_when_it_is_asked_for() -> None:
    for line in LANGUAGE_MODELS:
        record = kind_of(line.name)
        assert record.name == line.name and record.verbs
    assert set(names(True)) | set(names(False)) == set(names())


def test_every_verb_is_a_command_and_is_answered_by_some_kind() -> None:
    from dragoman.cli.lm import lm

    commands = {name for name in lm if not name.startswith("-")}
    assert commands - {"train", "import", "compare"} == set(get_args(Verb))
    assert {verb for name in names() for verb in kind_of(name).verbs} == set(get_args(Verb))


def test_there_is_a_text_and_a_measure_for_every_objective() -> None:
    assert OBJECTIVES.keys() == set(get_args(Objective))


def test_the_two_recurrent_kinds_are_two() -> None:
    """One writes translations, one goes on with a text; each has its own configuration in its own table."""
    translator, _ = TRANSLATORS["rnn"].load()
    assert translator is not kind_of("rnn").config
    assert translator().kind == kind_of("rnn").config().kind == "rnn"


def test_naming_the_kinds_loads_no_torch() -> None:
    program = (
        "import sys; from dragoman.lineage.kinds import names, kind_of; names(); kind_of('ngram'); "
        "import dragoman.model.languagemodels, dragoman.model.kinds; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
