"""Measures as Chinese writes them, 70公斤 and 1米85, and how English says the same. Finds nothing, calls no model."""

from __future__ import annotations

import re

# The sign of each. Those that small models know by their words are missing: metres, tons, miles, dollars.
_UNITS = {
    "公斤": "kg", "千克": "kg", "毫克": "mg", "克": "g", "公里": "km", "千米": "km", "厘米": "cm", "毫米": "mm",
    "平方公里": "km²", "平方千米": "km²", "立方米": "m³", "公顷": "ha", "毫升": "ml", "升": "l", "摄氏度": "°C",
    "千瓦": "kW", "千瓦时": "kWh", "伏": "V", "瓦": "W", "公里/小时": "km/h", "千米/小时": "km/h", "米/秒": "m/s",
    "毫克/升": "mg/l", "克/升": "g/l",
}  # fmt: skip
_MONEY = {"欧元": "€", "日元": "¥"}
# A sign after which it is no measure: 3克拉, 4升级, 2瓦解.
_LONGER = {"克": "拉隆服制", "升": "级值学旗起", "伏": "击特", "瓦": "解砾片特时"}
_TO = re.compile("[~～至到-]")
_AMOUNT = r"\d{1,3}(?:,\d{3}){1,4}|\d{1,9}(?:\.\d{1,6})?"
_NAMES = "|".join(
    f"{name}(?![{_LONGER[name]}])" if name in _LONGER else name
    for name in sorted({**_UNITS, **_MONEY}, key=len, reverse=True)
)
PATTERN = (
    rf"(?<![\d.,])(?:(?P<metres>\d)米(?P<centimetres>\d{{2}})(?!\d|厘|毫)"
    rf"|(?P<amount>(?:(?:{_AMOUNT})[~～至到–-])?(?:{_AMOUNT}))[ ]?(?P<measure>{_NAMES}))"
)


def in_english(found: re.Match[str]) -> str:
    """What PATTERN found, with the sign of the unit: words would need a plural."""
    if found["metres"]:
        return f"{found['metres']}.{found['centimetres']} m"
    amount, measure = _TO.sub("–", found["amount"]), found["measure"]
    return f"{_MONEY[measure]}{amount}" if measure in _MONEY else f"{amount} {_UNITS[measure]}"
