"""Numbers that have words in them, and how the other language says them: 1.5 million, the 1990s, 2024年1月15日, he/she.

Of "1.5 million" and 150万 no digit is the same: to keep the digits alone would make a hundred times as much of it. So
the model reads them as they are; what it writes is looked for among the ways to say it, and the first of these takes
its place where it is none. English and Chinese. Calls no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from dragoman.text import steps
from dragoman.text.kinds import Kind, Role, Span
from dragoman.text.languages import base_language
from dragoman.text.patterns import UNITS
from dragoman.translate import measures

# Between two words of which one is meant, and between two of which both may be.
_OR = {
    "en": (" or ", "or"), "zh": ("或者", "或是", "还是", "或"), "de": (" oder ",), "fr": (" ou ",), "es": (" o ",),
    "it": (" o ",), "pt": (" ou ",), "nl": (" of ",),
}  # fmt: skip
_AND_OR = {
    "en": "and/or", "zh": "和/或", "de": "und/oder", "fr": "et/ou", "es": "y/o", "it": "e/o", "pt": "e/ou",
    "nl": "en/of",
}  # fmt: skip
AND_OR = frozenset(_AND_OR.values())

_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if name != "May" else name for name in _MONTHS)
_MONTH = rf"(?:{_MONTH}|Sept)"
_YEAR = r"(?:1\d|20)\d\d(?![\w-]|[.:,]\d)"
_NTH_DAY = r"(?:[12]?\d|3[01]|0[1-9])"
_NO_MORE = rf"(?![\w%/–-]|[.:,]\d|[ ]\d{{1,2}}:\d\d:\d\d|[ ]?(?:{UNITS})(?!\w))"
_NARROW = {0xFF10 + digit: str(digit) for digit in range(10)}  # of full-width digits
_SIGNS = "零一二三四五六七八九"
_POWERS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_MONEY = {"$": "美元", "€": "欧元", "£": "英镑"}
_N = r"\d{1,3}(?:,\d{3}){1,4}|\d{1,15}(?:\.\d{1,6})?"
_ENGLISH = re.compile(
    # June 3, 2024; Jun 3rd; May 5–9, 1999; 3 June 2024; the 3rd of June; March 2021
    rf"(?<![\w.-])(?P<month>{_MONTH})\.?[ ](?P<day>{_NTH_DAY})(?:st|nd|rd|th)?(?:[–-](?P<until>{_NTH_DAY}))?{_NO_MORE}"
    rf"(?:,?[ ](?P<year>{_YEAR}))?"
    rf"|(?<![\w.,:$€£/–-])(?P<first_day>{_NTH_DAY})(?:st|nd|rd|th)?(?:[ ]of)?[ ](?P<then_month>{_MONTH})(?![\w'’])"
    rf"(?:\.?,?[ ](?P<then_year>{_YEAR}))?"
    rf"|(?<![\w.-])(?P<whole_month>{_MONTH})\.?,?[ ](?P<its_year>{_YEAR})"
    rf"|(?<![\w.,$€£/-])(?P<money>[$€£])?(?P<count>{_N})[ -](?P<power>{'|'.join(_POWERS)})(?![\w-]|[ ](?:thousand"
    rf"|million|billion|trillion))"
    rf"|(?<![\w.,/-])(?P<parts>\d{{1,3}}(?:\.\d{{1,4}})?) (?:percent|per cent)(?!\w)"
    r"|(?<![\w./-])(?P<century>\d{2})(?P<decade>\d)0['’]?s(?!\w)"
    r"|(?:(?<![\w'’])['’]|(?<=[Tt]he ))(?P<short>\d)0s(?!\w)"
    r"|(?<![\w./-])(?P<nth>\d{1,4})(?:st|nd|rd|th)(?![\w-])"
    r"|(?<![\w.'-])(?P<roman>(?=[XVI]{2})X{0,3}(?:IX|IV|V?I{0,3}))(?![\w.'-])"
)
_PERHAPS = re.compile(r"\d|[XVI]{2}|[一二三四五六七八九十][、）]")
_CHINESE = re.compile(
    r"(?<![\d.,])(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?:份|(?P<day>\d{1,2})[日号]|(?!\d))"
    rf"|(?<![\d.,])(?P<count>{_N})(?P<power>[百千]?万亿|[百千]?[万亿])"
    rf"|{measures.PATTERN}"
    r"|百分之(?P<parts>\d{1,3}(?:\.\d{1,4})?)"
    r"|(?<![\d.,])(?:(?P<ordinal>\d{1,2})世纪|(?P<century>\d{2}))?(?P<decade>\d)0年代"
    r"|(?<![\d.,:])(?P<hour>\d{1,2})[点时](?P<minute>\d{2}分?(?!\d)|\d分|半)"
    r"|第(?P<nth>\d{1,4})(?!\d|[.,]\d)"
    r"|(?m:^)(?P<alone>[12]\d{3})年(?=\s|$)"  # a heading; 2000年 within a sentence may be so many
    # The label of an item: 一、总则, （二）范围
    r"|(?m:^|(?<=。))(?:（(?P<item>[一二三四五六七八九十]{1,3})）|(?P<point>[一二三四五六七八九十]{1,3})、)(?=[^一二三四五六七八九十\s]{2})"
)


@dataclass(frozen=True)
class Wording:
    """How something is said: what the model reads of it, what may stand for it, and what takes its place if"
    " nothing does.

    shown: empty where the model has too many ways to say it, and reads what stands for any number instead.
    free: what the model wrote for it stays; otherwise `content` stands there in any case.
    """

    shown: str
    forms: tuple[str, ...]
    content: str
    free: bool = True

    @property
    def own(self) -> bool:
        """Whether what the model reads is a word of the text."""
        return self.shown != ""


def spans(text: str, source: str, target: str) -> Iterator[Span]:
    """What in a text has a wording in the other language, in order."""
    pattern = _pattern(source, target)
    if pattern is not None and _PERHAPS.search(text):
        for match in steps.each(pattern, text):
            if match.group()[-1] in "、）":
                yield Span(*match.span(), Kind.MARK, Role.OPENS)
                continue
            yield Span(*match.span(), Kind.WORD if match.group().isupper() else Kind.NUMBER)


def either(source: str) -> bool:
    """Whether a language is known in which a slash can be read as a word."""
    return base_language(source) in _OR


@lru_cache(1024)
def wording(raw: str, source: str, target: str) -> Wording | None:
    """Of a stretch that `spans` found, or of a slash between two words; None for anything else."""
    source, target = base_language(source), base_language(target)
    if raw.lower() in AND_OR and source in _OR:
        said = _AND_OR.get(target, raw)
        return Wording(_OR[source][-1].strip(), (*_OR.get(target, ()), said), said, free=False)
    if raw == "/" and source in _OR:
        return Wording(_OR[source][-1].strip(), (*_OR.get(target, ()), "/"), "/", free=False)
    pattern = _pattern(source, target)
    raw = raw.translate(_NARROW)
    match = pattern.fullmatch(raw) if pattern is not None else None
    if pattern is _CHINESE and raw[-1:] in "、）" and (label := _LABEL.fullmatch(raw)):
        number = read_numeral(label.group(1))
        return Wording("", (), f"{number}. " if raw[-1] == "、" else f"({number}) ", free=False)
    if match is None and pattern is _ENGLISH and raw[:1].isdigit():
        match = _ENGLISH.search(f"the {raw}")  # 90s
    if match is None:
        return None
    if pattern is _CHINESE and (match["measure"] or match["metres"]):
        return Wording("", (), measures.in_english(match), free=False)
    forms = (_in_chinese if pattern is _ENGLISH else _in_english)(match)
    if pattern is _ENGLISH and match["until"]:
        return Wording("", (), forms[0], free=False)
    return Wording(raw, tuple(dict.fromkeys((*forms, raw))), forms[0])


def _pattern(source: str, target: str) -> re.Pattern[str] | None:
    languages = base_language(source), base_language(target)
    return {("en", "zh"): _ENGLISH, ("zh", "en"): _CHINESE}.get(languages)


# -- into Chinese ------------------------------------------------------------------------------------------------------


def _in_chinese(match: re.Match[str]) -> Sequence[str]:
    found = {name: value for name, value in match.groupdict().items() if value}
    if month := found.get("month") or found.get("then_month") or found.get("whole_month"):
        day = found.get("day") or found.get("first_day", "")
        year = found.get("year") or found.get("then_year") or found.get("its_year", "")
        return _days_in_chinese(year, month, day, found.get("until", ""))
    if "power" in found:
        return _amounts(found)
    if "parts" in found:
        return _in_each(found["parts"], ("{}%", "{}％", "百分之{}", "{} %"))
    if "roman" in found:
        value = sum({"X": 10, "V": 5, "I": 1}[sign] for sign in found["roman"])
        value -= 2 * any(pair in found["roman"] for pair in ("IV", "IX"))
        return (found["roman"], *_in_each(str(value), ("第{}", "{}")))
    if "short" in found:
        return _in_each(f"{found['short']}0", ("{}年代",))
    if "nth" in found:
        names = ("第{}", "{}日", "{}号", "{}世纪", "{}年", "{}月", "{}")
        first = ("首", "初") if found["nth"] == "1" else ()
        return (*_in_each(found["nth"], names), *first)
    century, decade = int(found["century"]) + 1, f"{found['decade']}0"
    year = f"{found['century']}{decade}"
    before = (f"{century}世纪", f"{numeral(century)}世纪", "上世纪", "上个世纪", "")
    return [
        *(f"{one}{name}" for name in _in_each(decade, ("{}年代",)) for one in before),
        f"{year}年代",
        year,
    ]


def _days_in_chinese(year: str, month: str, day: str, until: str) -> Sequence[str]:
    number = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month[:3]))
    forms = [f"{number}月", f"{numeral(number)}月"]
    if until:
        forms = [f"{forms[0]}{int(day)}日至{int(until)}日"]
    elif day:
        forms = [f"{one}{name}" for one in forms for name in _in_each(str(int(day)), ("{}日", "{}号"))]
    return [f"{year}年{of}{one}" for of in ("", "的") for one in forms] if year else forms


def _amounts(found: dict[str, str]) -> Sequence[str]:
    value = Decimal(found["count"].replace(",", "")).scaleb(_POWERS[found["power"]])
    unit = next((unit for unit in (8, 4) if value >= Decimal(10) ** unit), 0)
    scaled = _plain(value.scaleb(-unit))
    signs = {8: "亿", 4: "万", 0: ""}[unit]
    money = _MONEY.get(found.get("money", ""), "")
    names = [f"{scaled}{signs}", _plain(value), f"{int(value):,}"]
    if value == value.to_integral_value() and value < 10**16:
        names.append(numeral(int(value)))
    if unit and scaled.isdigit():
        names.append(f"{numeral(int(scaled))}{signs}")
    if found["power"] == "million":
        names.append(f"{found['count']}百万")
    return [f"{name}{money}" for name in names] + [f"{found['money']}{name}" for name in names if money]


def _in_each(number: str, names: Sequence[str]) -> list[str]:
    forms = [name.format(number) for name in names]
    if number.isdigit():
        forms += [name.format(numeral(int(number))) for name in names]
    return forms


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def numeral(number: int) -> str:
    """A number below 10^16 in Chinese signs: 150 is 一百五十."""
    if number == 0:
        return _SIGNS[0]
    groups: list[tuple[int, str]] = []
    for unit in ("", "万", "亿", "万亿"):
        number, group = divmod(number, 10_000)
        groups.append((group, unit))
    text = ""
    for group, unit in reversed(groups):
        if group:
            text += ("零" if text and group < 1000 else "") + _below_ten_thousand(group) + unit
    return text[1:] if text.startswith("一十") else text


def _below_ten_thousand(number: int) -> str:
    text, gap = "", False
    for power, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // power % 10
        if digit:
            text += ("零" if gap and text else "") + _SIGNS[digit] + unit
        gap = not digit
    return text


_LABEL = re.compile("（?([一二三四五六七八九十]{1,3})[）、]")


def read_numeral(signs: str) -> int:
    """A number below 100 in Chinese signs, as `numeral` writes it."""
    tens, ten, ones = signs.rpartition("十")
    return (_SIGNS.index(tens or "一") * 10 if ten else 0) + (_SIGNS.index(ones) if ones else 0)


# -- into English ------------------------------------------------------------------------------------------------------


def _in_english(match: re.Match[str]) -> Sequence[str]:
    found = {name: value for name, value in match.groupdict().items() if value}
    if "alone" in found:
        return [found["alone"]]
    if "power" in found:
        return _amounts_in_english(found)
    if "parts" in found:
        return [f"{found['parts']}{sign}" for sign in ("%", " percent", " per cent", " %")]
    if "month" in found:
        return _dates(found)
    if "hour" in found:
        minute = "30" if found["minute"] == "半" else found["minute"].rstrip("分").zfill(2)
        half = [f"half past {found['hour']}"] if minute == "30" else []
        return [f"{found['hour']}:{minute}", f"{found['hour']}.{minute}", *half]
    if "nth" in found:
        return [
            f"{found['nth']}{_ending(int(found['nth']))}",
            found["nth"],
            *_ORDINALS.get(int(found["nth"]), ()),
        ]
    decade = f"{found['decade']}0"
    century = found.get("century") or (str(int(found["ordinal"]) - 1) if "ordinal" in found else "")
    short = [f"'{decade}s", f"’{decade}s", f"{decade}s", _TENS.get(decade, f"{decade}s")]
    return [f"{century}{decade}s", f"{century}{decade}'s", *short] if century else short


_ORDINALS = {
    number: (word,)
    for number, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth".split(), 1
    )
}
_TENS = {
    f"{number}0": word
    for number, word in enumerate(
        "twenties thirties forties fifties sixties seventies eighties nineties".split(), 2
    )
}


_SIGNS_OF_TEN = {"百": 2, "千": 3, "万": 4, "亿": 8}


def _amounts_in_english(found: dict[str, str]) -> Sequence[str]:
    power = sum(_SIGNS_OF_TEN[sign] for sign in found["power"])
    value = Decimal(found["count"].replace(",", "")).scaleb(power)
    whole = f"{int(value):,}" if value == value.to_integral_value() else _plain(value)
    scaled = [
        f"{_plain(value.scaleb(-unit))}{space}{name}"
        for unit, name in ((12, "trillion"), (9, "billion"), (6, "million"), (3, "thousand"))
        if value >= Decimal(10) ** unit
        for space in (" ", "-")
    ]
    forms = [*scaled, whole] if value >= 10**6 else [whole, *scaled]
    return [*forms, whole.replace(",", "")]


def _dates(found: dict[str, str]) -> Sequence[str]:
    number = int(found["month"])
    if not 1 <= number <= 12:
        return [found["month"]]
    names = [_MONTHS[number - 1], f"{_MONTHS[number - 1][:3]}.", _MONTHS[number - 1][:3]]
    day, year = found.get("day", ""), found.get("year", "")
    if day:
        nth = f"{int(day)}{_ending(int(day))}"
        found_days = [f"{int(day)}", nth]
        forms = [f"{name} {one}" for name in names for one in found_days]
        forms += [f"{one}{of}{name}" for one in found_days for of in (" ", " of ") for name in names]
    else:
        forms = names
    if not year:
        return forms
    comma = ", " if day else " "
    return [
        *(f"{one}{comma}{year}" for one in forms),
        *(f"{one} {year}" for one in forms),
        *(f"{one}, {year}" for one in forms),
    ]


def _ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
