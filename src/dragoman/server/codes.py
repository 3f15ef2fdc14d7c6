"""Language codes as clients write them, and the names of languages. Knows no model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.schema import shown
from dragoman.text.normalize import base_language

_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_OTHER_NAMES = {"zt": "zh-Hant", "pb": "pt-BR", "iw": "he", "in": "id", "no": "nb"}
_TRADITIONAL = re.compile("hant|tw|hk|mo")

NAMES = dict(
    ar="Arabic", bg="Bulgarian", bn="Bengali", ca="Catalan", cs="Czech", da="Danish", de="German", el="Greek",
    en="English", eo="Esperanto", es="Spanish", et="Estonian", eu="Basque", fa="Persian", fi="Finnish", fr="French",
    ga="Irish", gl="Galician", he="Hebrew", hi="Hindi", hr="Croatian", hu="Hungarian", id="Indonesian", it="Italian",
    ja="Japanese", ko="Korean", lt="Lithuanian", lv="Latvian", ms="Malay", nb="Norwegian", nl="Dutch", pl="Polish",
    pt="Portuguese", ro="Romanian", ru="Russian", sk="Slovak", sl="Slovenian", sq="Albanian", sr="Serbian",
    sv="Swedish", th="Thai", tl="Tagalog", tr="Turkish", uk="Ukrainian", ur="Urdu", vi="Vietnamese", zh="Chinese",
)  # fmt: skip


@dataclass(frozen=True)
class Code:
    """A language; of Chinese also the script, which is written with other signs and is the same language."""

    base: str
    traditional: bool = False

    def __str__(self) -> str:
        return "zh-Hant" if self.traditional else self.base


def read_code(text: str, field: str) -> Code:
    """`zh`, `zh-Hans`, `ZH_CN`, `zh-TW`, `EN-US` ... Raises Refusal (400) for what is no code."""
    text = _OTHER_NAMES.get(text.strip().lower(), text.strip())
    if not _CODE.fullmatch(text):
        raise Refusal(400, f"{field}: {shown(text)} is no language code such as en, zh or zh-Hant")
    base, _, rest = text.replace("_", "-").lower().partition("-")
    return Code(base, base == "zh" and _TRADITIONAL.search(rest) is not None)


def name_of(code: str) -> str:
    """The English name of a language, or its code where the name is not known here."""
    if code == "zh-Hans":
        return "Chinese (simplified)"
    if code == "zh-Hant":
        return "Chinese (traditional)"
    return NAMES.get(base_language(code), code)
