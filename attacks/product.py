"""What is attacked: Dragoman with a model trained in a second, in a folder that is gone afterwards. Attacks nothing.

Only the doors that everybody has are used (the command line, HTTP, files): what is behind them may be rebuilt.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attacks.commands import Ended, Spawner, run_alone
from dragoman.files import sha256

NOUNS = {
    "dog": "狗",
    "cat": "猫",
    "bird": "鸟",
    "child": "孩子",
    "teacher": "老师",
    "tree": "树",
    "book": "书",
}
VERBS = {"sees": "看见", "likes": "喜欢", "finds": "找到", "draws": "画"}
STEPS = 10
SMALL = {
    "tokenizer.vocab_size": 330, "tokenizer.sampling": 0.3,
    "model.d_model": 16, "model.d_ff": 32, "model.n_heads": 2, "model.encoder_layers": 1, "model.decoder_layers": 1,
    "model.dropout": 0.1, "decoding.max_length": 40,
    "optimizer.peak_lr": 3e-3, "optimizer.warmup_steps": 5, "optimizer.ema_decay": 0.9,
    "training.precision": "fp32", "training.batch_tokens": 300, "training.max_steps": STEPS,
    "training.checkpoint_minutes": 0.0001, "training.keep_checkpoints": 3,
    "validation.every": 4, "validation.metric": "loss",
}  # fmt: skip


class Product:
    """A folder, the processes in it, and what many attacks begin with; all of it ends with the block."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def alone(self, words: Sequence[str], **named: Any) -> Ended:
        """A command in an interpreter of its own, which takes seconds to begin. named: as run_alone takes them."""
        return run_alone(words, **named)

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="attacks-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stack.close()

    def spawner(self, *also: str) -> Spawner:
        """One more, for commands that run beside others. also: modules that it loads."""
        found = Spawner(self.new_folder(), also)
        self._stack.callback(found.close)
        return found

    @cached_property
    def commands(self) -> Spawner:
        """For commands that run one after another."""
        return self.spawner("torch._dynamo")  # torch's optimisers load it: a second of every training

    @cached_property
    def servers(self) -> Spawner:
        """For servers, one after another, while commands run."""
        return self.spawner()

    def new_folder(self) -> Path:
        """Of its own, and empty."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    @contextmanager
    def passing_folder(self) -> Iterator[Path]:
        """For one case."""
        found = self.new_folder()
        try:
            yield found
        finally:
            for folder, _, _ in os.walk(found):
                os.chmod(folder, 0o700)
            shutil.rmtree(found, ignore_errors=True)

    @cached_property
    def corpus(self) -> tuple[Path, Path]:
        """A hundred and fifty pairs to train on, and ten to validate on."""
        lines = [
            f"The {a} {v} a {b}.\t{NOUNS[a]}{VERBS[v]}一个{NOUNS[b]}。"
            for a in NOUNS
            for v in VERBS
            for b in NOUNS
            if a != b
        ]
        found = self.folder / "train.tsv", self.folder / "dev.tsv"
        for path, part in zip(found, (lines[10:], lines[:10]), strict=True):
            path.write_text("\n".join(part) + "\n", encoding="utf-8")
        return found

    def training(self, output: Path, *more: str, **settings: object) -> list[str]:
        """The words of a command that trains a tiny model. settings: section__key = value."""
        train, dev = self.corpus
        asked = SMALL | {name.replace("__", "."): value for name, value in settings.items()}
        return [
            "train", str(train), "--dev", str(dev), "--source-lang", "en", "--target-lang", "zh", "-o", str(output),
            *(word for name, value in asked.items() for word in ("--set", f"{name}={value}")), *more,
        ]  # fmt: skip

    @cached_property
    def finished(self) -> Path:
        """The directory of a run that nobody disturbed. Read only."""
        output = self.folder / "finished"
        ended = self.commands.run(*self.training(output), inject={"calls": {"root": str(output)}})
        assert ended.code == 0, f"the undisturbed run failed: {ended.err[-2000:]}"
        self.undisturbed = ended
        return output

    @cached_property
    def result(self) -> str:
        """sha256 of the weights that every run has to end with."""
        return weights_of(self.finished)

    @property
    def took(self) -> Ended:
        """How the undisturbed run went."""
        assert self.finished
        return self.undisturbed

    @cached_property
    def first_save(self) -> int:
        """The first change to a file, from 1, after which a run holds a part of a checkpoint and no whole one."""
        made = [at for at, call in enumerate(self.took.calls, 1) if "checkpoints/step-" in call]
        return made[0] + 1

    @cached_property
    def interrupted(self) -> Path:
        """The directory of a run that was told to stop about half way, with several checkpoints. Read only."""
        output = self.folder / "interrupted"
        half = {"calls": {"root": str(output), "kill_at": len(self.took.calls) * 2 // 3}}
        self.commands.run(*self.training(output), inject=half)
        stopped = self.commands.run(*self.training(output, "--resume", "--max-minutes", "0.000001"))
        assert stopped.code == 0, f"the run could not be stopped and resumed: {stopped.err[-2000:]}"
        return output

    @cached_property
    def model(self) -> Path:
        """A sealed model and nothing else. Read only."""
        found = self.folder / "model"
        found.mkdir()
        for path in self.finished.iterdir():
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".jsonl":
                shutil.copy(path, found)
        return found

    @cached_property
    def exported(self) -> Path:
        """The model as CTranslate2 has it. Read only."""
        found = self.folder / "exported"
        ended = self.commands.run("export", str(self.model), "--to", "ctranslate2", "-o", str(found))
        assert ended.code == 0, f"the model could not be exported: {ended.err[-2000:]}"
        return found


def weights_of(output: Path) -> str:
    """sha256 of the model in a directory; "" if there is none."""
    path = output / "model.safetensors"
    return sha256(path.read_bytes()) if path.is_file() else ""
