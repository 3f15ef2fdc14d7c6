"""Language tags as people write them, read in one place: what language, which script. Knows no text and no model.

ISO 639-1, -2 (both codes of a language) and -3, with a script or a territory or both, joined by `-` or `_`, in any
case: `zh`, `chi`, `zho`, `cmn_Hans`, `zh-TW` and `zh_CN.UTF-8` are all Chinese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# What is understood, for the sentence that refuses anything else.
UNDERSTOOD = "ISO 639 codes are understood, such as en, eng, zh, cmn, zho_Hans, zh-TW or pt-BR"

_LONGEST = 35  # characters: what RFC 5646, section 4.4.1, asks to make room for
# Names that are no tags, or mean something else to those who write them than to the registry.
_ALIASES = {
    "zt": "zh-Hant", "pb": "pt-BR",  # LibreTranslate
    "zh-chs": "zh-Hans", "zh-cht": "zh-Hant",  # Windows before 2008
    "chi-sim": "zh-Hans", "chi-tra": "zh-Hant",  # Tesseract
    "no": "nb",  # Norwegian, where nobody says which, is Bokmål
}  # fmt: skip
_NO_LANGUAGE = frozenset({"", "und", "mul", "mis", "zxx", "root"})
_TRADITIONAL = frozenset({"TW", "HK", "MO"})

NAMES = dict(
    af="Afrikaans", am="Amharic", ar="Arabic", az="Azerbaijani", be="Belarusian", bg="Bulgarian", bn="Bengali",
    bo="Tibetan", bs="Bosnian", ca="Catalan", cs="Czech", cy="Welsh", da="Danish", de="German", el="Greek",
    en="English", eo="Esperanto", es="Spanish", et="Estonian", eu="Basque", fa="Persian", fi="Finnish", fil="Filipino",
    fr="French", ga="Irish", gl="Galician", gu="Gujarati", he="Hebrew", hi="Hindi", hr="Croatian", hu="Hungarian",
    hy="Armenian", id="Indonesian", ig="Igbo", ha="Hausa", it="Italian", ja="Japanese", jv="Javanese", ka="Georgian",
    kk="Kazakh", km="Khmer", kn="Kannada", ko="Korean", ku="Kurdish", ky="Kyrgyz", la="Latin", lb="Luxembourgish",
    lo="Lao", lt="Lithuanian", lv="Latvian", mg="Malagasy", mk="Macedonian", ml="Malayalam", mn="Mongolian",
    mr="Marathi", ms="Malay", mt="Maltese", my="Burmese", nb="Norwegian", ne="Nepali", nl="Dutch", nn="Nynorsk",
    oc="Occitan", pa="Punjabi", pl="Polish", ps="Pashto", pt="Portuguese", ro="Romanian", ru="Russian", si="Sinhala",
    sk="Slovak", sl="Slovenian", so="Somali", sq="Albanian", sr="Serbian", sv="Swedish", sw="Swahili", ta="Tamil",
    te="Telugu", tg="Tajik", th="Thai", tk="Turkmen", tr="Turkish", tt="Tatar", ug="Uyghur", uk="Ukrainian", ur="Urdu",
    uz="Uzbek", vi="Vietnamese", xh="Xhosa", yi="Yiddish", yo="Yoruba", yue="Cantonese", zh="Chinese", zu="Zulu",
)  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """A language, and the script that a tag says or implies it is in ("" where it leaves that open)."""

    language: (
        str  # the shortest code there is; of a macrolanguage's usual member, as cmn or arb, the former's
    )
    script: str = ""  # ISO 15924

    @property
    def traditional(self) -> bool:
        """Whether it is Chinese in traditional signs."""
        return self.language == "zh" and self.script == "Hant"


@lru_cache(1024)  # a web client may ask for any
def read_tag(text: str) -> Tag | None:
    """What a tag says; None for what is none, or names no language that ISO 639 knows."""
    if text in NAMES:  # as standardised as they can be
        return Tag(text)
    from langcodes import Language, standardize_tag  # 50 ms

    text = re.split(r"[.@]", text.strip(), maxsplit=1)[0].replace("_", "-")  # zh_CN.UTF-8, sr_RS@latin
    if not text.isascii() or len(text) > _LONGEST:
        return None
    text = _ALIASES.get(text.lower(), text)
    try:
        found = Language.get(standardize_tag(text, macro=True))
    except ValueError:
        return None
    language = _ALIASES.get(found.language or "", found.language or "")
    if language in _NO_LANGUAGE or not Language.make(language=language).is_valid():
        return None
    script = found.script or ""
    if language == "zh" and not script and found.territory:
        script = "Hant" if found.territory in _TRADITIONAL else "Hans"
    return Tag(language, script)


@lru_cache(1024)
def base_language(code: str) -> str:
    """`zh-Hans`, `zh_CN`, `cmn` and `ZH` are `zh` to text handling. A code that is none stands for itself."""
    found = read_tag(code)
    return found.language if found else re.split("[-_]", code.strip().lower(), maxsplit=1)[0]


def name_of(code: str) -> str:
    """The English name of a language, or its code where the name is not known here."""
    found = read_tag(code)
    if found and found.language == "zh" and found.script in ("Hans", "Hant"):
        return f"Chinese ({'traditional' if found.traditional else 'simplified'})"
    return NAMES.get(base_language(code), code)
