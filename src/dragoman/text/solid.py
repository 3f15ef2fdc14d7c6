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
_STOP = "，。；：！？、（）"
_FOLDER = rf"[^\s\\/:*?\"<>|{_STOP}]{{1,60}}"
_FILE = rf"[^\s\\/:*?\"<>|{_STOP}]{{1,60}}?\.[A-Za-z][A-Za-z0-9]{{1,4}}(?![A-Za-z0-9])"
_MORE = rf"(?:[{SIGNS}]{{1,20}}(?=[/?=&#_.%-][A-Za-z0-9/?=&#%{SIGNS}])[!#-;=?-~]{{1,200}})"
_LAST = rf"(?:(?<==)[{SIGNS}]{{1,20}}(?![{SIGNS}])|(?<=/)[{SIGNS}]{{1,20}}(?=[ \t]))"
_EYES = "‿◕•ᴥ°□﹏▽△ω≧≦∀ಠಥ｡◠¬^❛◉◡˘⊙ᵔ♥´｀￣＾︿∇╥"
# What holds such signs and is no word: found in the text as it stands.
TAG = re.compile(
    # A topic between two signs, a topic or a name up to the next space, as Chinese services write them
    rf"#(?=[^#\n]{{0,40}}[{SIGNS}])[^\s#@，。！？、：；,!?()（）]{{1,40}}#"
    rf"|(?<![\w&#])#[{SIGNS}][\w-]{{0,40}}"
    rf"|(?<![\w.@/%$])@(?=[{SIGNS}])[\w-]{{1,31}}(?=[\s，。！？：、,.!?:)）]|$)"
    # An address goes on after signs where its own syntax does, or where they are a value or a last name before a space
    rf"|(?<![A-Za-z0-9\"'=(<])https?://[!#-;=?-~]{{1,500}}(?:{_MORE}{{1,9}}{_LAST}?|{_LAST})"
    rf"|(?<![A-Za-z])[A-Za-z]:\\(?:{_FOLDER}\\){{0,20}}{_FILE}"
    rf"|(?<![A-Za-z0-9_.~/<])~?/(?:{_FOLDER}/){{1,20}}{_FILE}"
    rf"|(?<=[“\"「《『‘'])(?=[^\s\"”」》』’']{{0,40}}[{SIGNS}])[^\s“”\"「」《》『』‘’'{_STOP}]{{1,40}}\.[a-z][a-z0-9]{{1,4}}(?=[”\"」》』’'])"
    # The plate of a car
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•]?[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"
    # A face with arms of kana
    rf"|(?:(?<![A-Za-z])[oOmd]|[ヽヾ╮╰┐╭~～٩ง୧⊂づつノ\\])?[(（](?=[^()（）\n]{{0,14}}[{_EYES}])[^A-NP-SV-Za-np-tvy-z0-9()（）\n\u4e00-\u9fff]"
    r"{2,16}[)）](?:[ヽヾ╯╭╮ﾉノづつ/~～ξ۶งψゞシ彡ブ]{1,2}(?:︵ ?[┻━]{2,5})?|[oOVvbd](?![A-Za-z]))?"
)


def hidden(text: str) -> str:
    """A text of the same length without such signs."""
    return text if text.isascii() else _SIGN.sub(SIGN, _COUNTERS.sub(COUNTER, text))
