"""What else `dragoman lineage` shows of one model than its guesses: its steps, its attention, what it learns of a text.

Computes nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dragoman.cli.carried import unrolled
from dragoman.cli.language import Say
from dragoman.cli.sums import sums

if TYPE_CHECKING:
    from dragoman.lineage.attended import Attended
    from dragoman.lineage.blank import Filled, Gap
    from dragoman.lineage.carried import Carried
    from dragoman.lineage.tuning import Tuned
    from dragoman.model.languagemodels import LmDirectory

_BLANK = "[ ]"


@dataclass(frozen=True)
class Looks:
    """What is asked of one model about one sentence; a look that its kind has not is left out."""

    asked: LmDirectory
    found: Filled
    gap: Gap
    steps: bool
    attention: bool
    tune: str | None

    def drawn(self, told: Say) -> list[str]:
        words = self.asked.vocabulary.words
        carried, attended = self._carried(), self._attended()
        parts = [unrolled(carried, words, told)] if carried else []
        if attended:
            at = len(self.found.left) + self._both  # the blank, or what stands before it
            spelled = [_BLANK if i == len(words) - 1 and self._both else words[i] for i in attended.ids]
            parts.append(sums(attended, spelled, at, told))
        if self.tune is not None:
            parts.append(self._taught(self.tune, told))
        return [line for part in parts for line in (*part, "")]

    def as_json(self) -> dict[str, Any]:
        carried, attended = self._carried(), self._attended()
        tuned = None if self.tune is None else self._tuned(self.tune)
        found: dict[str, Any] = {}
        if carried:
            found["steps"] = asdict(carried)
        if attended:
            found["attention"] = asdict(attended)
        if tuned:
            found["tuned"] = {"pretrained": tuned.pretrained, "scratch": tuned.scratch}
        return found

    @property
    def _both(self) -> bool:
        return self.found.reads == "both sides"

    def _ids(self, tokens: Sequence[str]) -> list[int]:
        (ids,) = self.asked.vocabulary.numbered([tokens])
        return ids

    def _carried(self) -> Carried | None:
        """The steps of a model that takes steps."""
        from dragoman.lineage.carried import carried
        from dragoman.lineage.rnnlm import RnnLm

        if not self.steps or not isinstance(self.asked.model, RnnLm):
            return None
        return carried(self.asked.model, self._ids(self.found.left))

    def _attended(self) -> Attended | None:
        """Of a model that has attention, and something to attend to."""
        from dragoman.lineage.attended import attended
        from dragoman.lineage.bert import Bert
        from dragoman.lineage.gpt import Gpt

        model = self.asked.model
        if not self.attention or not isinstance(model, Bert | Gpt):
            return None
        ids = self._ids(self.found.left)
        if isinstance(model, Bert):
            ids = [*ids, len(self.asked.vocabulary.words) - 1, *self._ids(self.found.right)]
        return attended(model, ids)

    def _tuned(self, text: str) -> Tuned | None:
        """Of a model that learns step by step."""
        from dragoman.lineage.bert import Bert
        from dragoman.lineage.causal import CausalLM
        from dragoman.lineage.kinds import NeuralKind
        from dragoman.lineage.tuning import tune
        from dragoman.text.normalize import normalize

        model, kind, vocabulary = self.asked.model, self.asked.kind, self.asked.vocabulary
        if not isinstance(kind, NeuralKind) or not isinstance(model, CausalLM | Bert):
            return None
        (ids,) = vocabulary.encode([normalize(text)])
        return tune(kind, model, ids, len(vocabulary.words))

    def _taught(self, text: str, told: Say) -> list[str]:
        from dragoman.lineage.blank import fill

        tuned = self._tuned(text)
        if tuned is None:
            return [told("counted, not learnt step by step: to know a text it has to count again")]
        first, after = tuned.pretrained[0], tuned.pretrained[-1]
        scratch, learnt = tuned.scratch[0], tuned.scratch[-1]
        best = len(self.found.guesses)
        again = fill(self.asked.kind, tuned.model, self.asked.vocabulary, self.gap, best)
        guesses = "   ".join(f"{guess.token} {guess.probability:.1%}" for guess in again.guesses)
        about = {"steps": len(tuned.pretrained) - 1, "text": text}
        return [
            told("{steps} steps of gradient descent on a copy, with {text}; perplexity of a token:", **about),
            told("  pre-trained, then fine-tuned: {first:,.1f} → {after:,.1f}", first=first, after=after),
            told("  the same network from random weights: {first:,.1f} → {after:,.1f}", first=scratch, after=learnt),
            told("  in the blank it would now write: {guesses}", guesses=guesses),
        ]  # fmt: skip
