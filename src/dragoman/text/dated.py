"""Chinese days, years, decades and centuries whose numbers are written in signs, in digits: 二〇二四年三月十五日."""

from __future__ import annotations

import re

_DIGITS = {sign: str(value) for value, sign in enumerate("零一二三四五六七八九")} | {"〇": "0", "○": "0"}
_ONE = "[一二三四五六七八九]"
_MONTH, _DAY = "(?P<month>十[一二]?|[一二三四五六七八九])", f"(?P<day>[二三]?十{_ONE}?|{_ONE})"
_LONELY = "(?<![零〇○一二三四五六七八九十百千万亿两第几\\d])"
_DATED = re.compile(
    rf"{_LONELY}(?:(?P<year>[一二][零〇○一二三四五六七八九]{{3}})年(?:{_MONTH}月(?:{_DAY}(?P<unit>[日号]))?)?"
    rf"|{_MONTH.replace('month', 'alone')}月{_DAY.replace('day', 'on')}(?P<called>[日号])"
    rf"|(?P<century>[一二]?十{_ONE}?|{_ONE})世纪(?:(?P<decade>[二三四五六七八九])十年代)?"
    r"|(?P<decades>[二三四五六七八九])十年代)"
)


def in_digits(text: str) -> str:
    """A text with such dates as the Chinese of newspapers has them."""
    return text if text.isascii() else _DATED.sub(_written, text)


def _written(match: re.Match[str]) -> str:
    found = match.groupdict()
    if year := found["year"]:
        month, day = found["month"], found["day"]
        said = "".join(_DIGITS[sign] for sign in year) + "年"
        return (
            said
            + (f"{_number(month)}月" if month else "")
            + (f"{_number(day)}{found['unit']}" if day else "")
        )
    if found["alone"]:
        return f"{_number(found['alone'])}月{_number(found['on'])}{found['called']}"
    if found["decades"]:
        return f"{_DIGITS[found['decades']]}0年代"
    decade = f"{_DIGITS[found['decade']]}0年代" if found["decade"] else ""
    return f"{_number(found['century'])}世纪{decade}"


def _number(signs: str) -> int:
    """Below 100: 三, 十, 十五, 三十, 三十一."""
    tens, ten, ones = signs.rpartition("十")
    return 10 * int(_DIGITS.get(tens, "1") if ten else "0") + int(_DIGITS.get(ones, "0"))
