"""What one proof says, in the words of the reader. Proves nothing."""

from __future__ import annotations

from dragoman.explain import sentences
from dragoman.explain.terminal.drawing import Screen
from dragoman.explain.trace.values import Proof


def statement(proof: Proof, screen: Screen) -> str:
    """In its own words where no table has a sentence for it."""
    key = f"proofs.{proof.id}"
    return screen.say(key) if sentences.known(f"{key}.caught") else proof.statement


def verdict(proof: Proof, screen: Screen) -> str:
    return screen.say("proofs.passed" if proof.passed else "proofs.failed")


def measured(proof: Proof, screen: Screen) -> str:
    key = "proofs.measured" if proof.limit else "proofs.exact"
    return screen.say(key, value=f"{proof.value:.1e}", limit=f"{proof.limit:.0e}")


def told(proof: Proof, screen: Screen, key: str = "terminal.proofs.one") -> str:
    """All of it in a sentence."""
    return screen.say(
        key,
        name=proof.id,
        verdict=verdict(proof, screen),
        statement=statement(proof, screen),
        measured=measured(proof, screen),
    )
