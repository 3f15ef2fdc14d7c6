"""English as it is typed in haste, written out as a model has read it: dont, im, gonna, plz.

Only what can hardly be anything else: its, ill, well and were are words, and stay.
"""

from __future__ import annotations

import re

_ELIDED = """
    don't doesn't didn't isn't aren't wasn't weren't hasn't haven't hadn't couldn't wouldn't shouldn't mustn't needn't
    can't won't ain't you're you've you'll they're they've we've that's what's where's here's there's who's how's he's
    she's y'all
"""
_SHORT = {
    "gonna": "going to", "wanna": "want to", "gotta": "got to", "lemme": "let me", "gimme": "give me",
    "dunno": "don't know", "kinda": "kind of", "outta": "out of", "cuz": "because", "coz": "because", "plz": "please",
    "pls": "please", "thx": "thanks", "luv": "love", "ppl": "people", "btw": "by the way", "idk": "I don't know",
    "tmrw": "tomorrow", "im": "I'm",
}  # fmt: skip
_WRITTEN = _SHORT | {word.replace("'", ""): word for word in _ELIDED.split()}
_ALONE = r"(?![\w'’@/-]|\.\w)"
_WORD = re.compile(rf"(?<![\w'’@#/.-])(?:{'|'.join(_WRITTEN)}){_ALONE}", re.IGNORECASE)
_NOUNS = ("wont", "im")  # as is his wont; an IM
_OWNED = re.compile(r"\b(?:my|your|his|her|its|our|their|an|the)\s$", re.IGNORECASE)
_IVE = re.compile(
    r"\b[Ii]ve(?= (?:been|got|had|never|seen|done|lost|made|already|always|just|no|heard|read)\b)"
)
_ARE_YOU = re.compile(rf"(?<![\w'’.-])r u{_ALONE}")
# Where it can be no variable.
_YOU = re.compile(
    rf"\b(can|do|did|how|are|love|luv|thank|see|miss|(?:for|to|with)(?= u\s*(?:[.!?,]|$))) u{_ALONE}"
)
_TYPED, _LETTERS = frozenset((*_WRITTEN, "ive", "u")), re.compile("[a-z]+")


def written_out(text: str) -> str:
    """A stretch of English with what was typed in haste as it is usually written; most are what they were."""
    if _TYPED.isdisjoint(_LETTERS.findall(text.lower())):
        return text
    text = _ARE_YOU.sub("are you", text)
    return _WORD.sub(_word, _IVE.sub("I've", _YOU.sub(r"\1 you", text)))


def _word(match: re.Match[str]) -> str:
    typed = match.group()
    if typed.isupper() and len(typed) < 4:
        return typed  # PPL, BTW and IM may be names
    key = typed.lower()
    if key in _NOUNS and _OWNED.search(match.string, max(0, match.start() - 7), match.start()):
        return typed
    written = _WRITTEN[key]
    return written[:1].upper() + written[1:] if typed[:1].isupper() else written
