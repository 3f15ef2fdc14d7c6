"""Translators that are no models, each bad in a way of its own, for tests of what must survive any translator."""

from __future__ import annotations

import random
from collections.abc import Sequence


def loud(texts: Sequence[str]) -> list[str]:
    """Keeps every word."""
    return [text.upper() for text in texts]


def mute(texts: Sequence[str]) -> list[str]:
    """Keeps no word, and says nothing of its own."""
    return ["" for _ in texts]


def forgetful(texts: Sequence[str]) -> list[str]:
    """Keeps no word."""
    return ["这是一句话。" for _ in texts]


def stammering(texts: Sequence[str]) -> list[str]:
    """Says everything twice."""
    return [f"{text} {text}" for text in texts]


def shuffling(texts: Sequence[str]) -> list[str]:
    """Keeps some words, in another order; the same for the same text."""
    found = []
    for text in texts:
        draw = random.Random(text)
        words = [word for word in text.split() if draw.random() < 0.7]
        draw.shuffle(words)
        found.append(" ".join(words))
    return found


def chinese(texts: Sequence[str]) -> list[str]:
    """Writes a sign for each word, always the same, and names as they are written in Chinese."""
    names = {"Tom": "汤姆", "Boston": "波士顿", "Japan": "日本"}
    return [
        "".join(
            names.get(word.strip(".,!?"), chr(0x4E00 + sum(map(ord, word)) % 0x5000)) for word in text.split()
        )
        + "。"
        for text in texts
    ]


ALL = (loud, mute, forgetful, stammering, shuffling, chinese)
