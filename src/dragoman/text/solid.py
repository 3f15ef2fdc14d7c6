"""Writing that is set solid, as Chinese and Japanese are: its signs hidden, where they stand beside codes.

In them no space tells where an address ends and a sentence goes on, and Unicode calls all of them letters of words. So
what looks for codes reads a text in which they are neither letters nor spaces. Finds nothing itself.
"""

from __future__ import annotations

import re

SIGN, COUNTER = "\ue010", "\ue011"  # private, as long as what they stand for
HIDDEN = SIGN + COUNTER  # for a class of a regular expression
SIGNS = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SIGN = re.compile(f"[{SIGNS}]")
# After these a dash is none of a negative number: 3月-5月.
_COUNTERS = re.compile("[年月日号时点分秒章节页层岁度期第级]")
# A topic between two signs, a topic or a name up to the next space, as Chinese services write them.
TAG = re.compile(
    rf"#(?=[^#\n]{{0,40}}[{SIGNS}])[^\s#@，。！？、：；,!?()（）]{{1,40}}#"
    rf"|(?<![\w&#])#[{SIGNS}][\w-]{{0,40}}"
    rf"|(?<![\w.@/%$])@(?=[{SIGNS}])[\w-]{{1,31}}(?=[\s，。！？：、,.!?:)）]|$)"
)


def hidden(text: str) -> str:
    """A text of the same length without such signs."""
    return text if text.isascii() else _SIGN.sub(SIGN, _COUNTERS.sub(COUNTER, text))
