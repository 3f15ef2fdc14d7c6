"""Which of the languages that the models know a text is in, and how sure that is. Claims no language it cannot tell.

First by script; among languages in Latin letters by character n-grams, whose statistics come from the most frequent
words of each language. Languages that no model knows take part as rivals: German is not taken for sure English.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from dragoman.text.normalize import base_language, script_counts, scripts_of

# The most frequent words of running text, the most frequent first.
FREQUENT = {
    "en": "the of and to a in is that it you he was for on are with as i his they be at one have this from or had by "
    "not but what all were we when your can said there use an each which she do how their if will up other about out "
    "many then them these so some her would make like him has look two more go see no way could my than been who its "
    "now people did down may part good very where much too any new work know why me our",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er "
    "hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis "
    "mehr durch man sein wurde sei ich wir mann frau zwei was kann hier wenn mir mich ihr uns sehr gut heute wo",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son aux "
    "d'un l'homme cette d'une ou être ont comme mais on fait nous vous je tu elle leur deux homme femme bien où c'est "
    "très tout sa ses même sans peut j'ai n'est était notre votre moi quand aujourd'hui ils était",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin "
    "sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está mi porque qué "
    "sólo han yo hay vez puede todos así nos ni parte tiene él uno donde bien hombre mujer eso ella usted hoy cómo",
    "it": "di e il la che in a per un è del non della i le una con da si dei al come più alla anche sono nel ha delle "
    "lo gli ma degli dalla o su questo ci se era due mi io stato nella suo sua tra loro molto essere questa perché ho "
    "cosa dove quando uomo donna tutto bene lei lui noi oggi fatto c'è chi qui",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu "
    "sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter "
    "seus quem nas me esse eles estão você tinha foram essa num nem suas meu às minha têm homem mulher onde hoje",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als dan bij of uit nog naar worden door "
    "maar was over ze hij wordt je ik heeft had hebben die deze tot meer man vrouw twee wat kan wij geen zo haar hun "
    "mijn heb waar hoe veel goed vandaag wel zou",
    "sv": "och i att det som en på är av för med den till inte har de ett om var jag men han vi så kan man när från nu "
    "hade eller ut vid sig under där hon efter upp skulle två mycket bara vad hur mig du min din alla kommer varför",
    "pl": "w i na z do nie się że to jest o a jak po co za od tak przez ale dla był są już tylko może jego czy być "
    "ich ja on ona mnie ty pan gdzie kiedy bardzo dwa więc było tego który która jestem masz mam dzisiaj",
    "cs": "a v se na je že to s z do o i za pro jsem by si k jako ale po který od co tak jsou nebo už byl bylo jeho "
    "jen když jak kde jste mě ne ve při která my vy dva muž žena dnes velmi mám máte není",
    "tr": "ve bir bu da de için ile çok ne o ben daha var gibi en kadar olarak değil her mi ama sonra ki olan iki "
    "sen biz siz onu bana sana şey yok nasıl neden kadın adam bugün nerede evet hayır iyi",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena ada kami kita dia mereka "
    "bisa sudah anda atau seperti apa orang oleh satu dua adalah lebih telah hari bagaimana mengapa sangat",
    "vi": "và của là có không được một trong cho những các với đã người này đến khi tôi từ để như về anh ông chị "
    "cũng nhiều hai rất bạn gì thế nào ở đó ra vào làm nhưng vì",
}  # fmt: skip
_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LONGEST = 2000  # characters that are looked at: more would not change the answer
_UNSEEN = 1e-4  # share of an n-gram that occurs in none of a language's frequent words
# n-grams of one word overlap, so they are not independent: each counts for this much. Set on sentences of Tatoeba so
# that a confidence of 90 is right nine times in ten.
_EVIDENCE = 0.25
_SIGN = 3  # letters of an alphabet that say as much as one sign of Han, kana or hangul
_KNOWN = 2.0  # a language that a model knows is so much likelier to be sent than another
_HAN_IS_JAPANESE = 0.05  # a text of Han signs without any kana is hardly Japanese


@dataclass(frozen=True)
class Detected:
    """A language and how sure it is, from 0 to 100."""

    language: str
    confidence: float


def detect(text: str, languages: Sequence[str]) -> list[Detected]:
    """The languages of `languages` that a text may be in, the likeliest first; none where it has no letters."""
    text = text[:_LONGEST]
    scripts = Counter(
        {
            name: count * (_SIGN if name in ("Han", "Kana", "Hangul") else 1)
            for name, count in script_counts(text).items()
        }
    )
    letters = sum(scripts.values())
    if not letters:
        return []
    known = list(dict.fromkeys(base_language(code) for code in languages))
    rivals = list(dict.fromkeys([*known, *FREQUENT, "ja", "ko", "ru", "el", "ar", "he", "hi", "th"]))
    weight = {
        code: sum(scripts[script] for script in scripts_of(code)) / letters
        for code in rivals
        if scripts_of(code)
    }
    if not scripts["Kana"] and "ja" in weight:
        weight["ja"] *= _HAN_IS_JAPANESE
    latin = _latin(text, [code for code in weight if code in FREQUENT])
    # Half the letters of a script are weak evidence for its languages, and a tenth nearly none.
    weight = {
        code: share**3 * latin.get(code, 1.0) * (_KNOWN if code in known else 1.0)
        for code, share in weight.items()
    }
    total = sum(weight.values())
    found = [Detected(code, round(100 * weight.get(code, 0.0) / total, 1)) for code in known] if total else []
    return sorted((one for one in found if one.confidence >= 1), key=lambda one: -one.confidence)


def _latin(text: str, codes: Iterable[str]) -> dict[str, float]:
    """How probable each of these languages is by the n-grams of the text; they sum to one."""
    grams = Counter(gram for word in _WORDS.findall(text.lower()) for gram in _grams(word))
    score = {
        code: _EVIDENCE * sum(count * math.log(table.get(gram, _UNSEEN)) for gram, count in grams.items())
        for code in codes
        for table in (_table(code),)
    }
    best = max(score.values(), default=0.0)
    odds = {code: math.exp(value - best) for code, value in score.items()}
    return {code: value / sum(odds.values()) for code, value in odds.items()}


@cache
def _table(code: str) -> dict[str, float]:
    """Share of each n-gram in the frequent words of a language, these weighted as Zipf's law has it."""
    counts: Counter[str] = Counter()
    total = 0.0
    for rank, word in enumerate(FREQUENT[code].split()):
        for gram in _grams(word):
            counts[gram] += 1 / (rank + 8)  # type: ignore[assignment]
            total += 1 / (rank + 8)
    return {gram: count / total + _UNSEEN for gram, count in counts.items()}


def _grams(word: str) -> list[str]:
    """Its runs of one to three characters, the ends of the word marked, and the word as a whole."""
    marked = f"_{word}_"
    runs = [marked[i : i + n] for n in (2, 3) for i in range(len(marked) - n + 1)]
    return [*word, *runs, marked]
