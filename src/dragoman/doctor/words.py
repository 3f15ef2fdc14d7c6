"""What becomes of words: the tokenizer, the special tokens, and what has to come out as it went in."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from dragoman.doctor.finding import Finding, verdict
from dragoman.doctor.patient import Patient
from dragoman.errors import ModelError
from dragoman.ids import EOS, SPECIALS, UNK, UNWRITTEN
from dragoman.model.directory import open_model
from dragoman.text.mapped import MappedTokenizer
from dragoman.text.tokenizer import Tokenizer

UNKNOWN = "\u2047"  # what SentencePiece shows for <unk>
ADDRESS = "https://example.org/a?b=1"
SPOKEN = 0.9  # share of the sentences in which a model that was trained on placeholders has to write its own

OWN = 30  # pieces of an imported vocabulary that are tried as texts

# Signs that a vocabulary lacks, or that a careless normalisation changes.
ODD = (
    "café naïve Straße Ærø",
    "中文，全角标点：？！",
    "日本語のテキスト",
    "한국어 문장",
    "Привет, мир",
    "مرحبا",
    "🙂👩🏽‍🚀",
    "𠮷野家",
    "a\u0301 e\u0301",
    "x² ≤ ½",
    "tag <b>bold</b> & {name} %s",
)


def tokenizer_is_the_models(patient: Patient) -> Finding:
    """The seals are verified once more: a directory that is not what was sealed does not open."""
    model = patient.translator.model
    try:
        open_model(model.path)
    except ModelError as error:
        return verdict(False, "{why}", why=str(error))
    return verdict(True, "the seals hold, {pieces:,} pieces", pieces=model.target_tokenizer.vocab_size)


def survives_a_round_trip(patient: Patient) -> Finding:
    """Text to ids and back is the text again, on both sides, and spelled in known pieces."""
    model, lost, tried = patient.translator.model, [], 0
    targets = [pair.target for pair in patient.pairs[: len(patient.texts)]]
    sides: tuple[tuple[Tokenizer, Sequence[str], str], ...] = (
        (model.source_tokenizer, [*patient.texts, *ODD, *_own(model.source_tokenizer)], "source"),
        (model.target_tokenizer, [*targets, *ODD, *_own(model.target_tokenizer)], "target"),
    )
    unknown = 0
    for tokenizer, texts, side in sides:
        for text in texts:
            prepared = patient.translator.prepare(text, side)  # type: ignore[arg-type]
            ids = tokenizer.encode(prepared)
            if UNK in ids:  # only of a vocabulary that does not spell in bytes
                unknown += 1
                continue
            tried += 1
            if _plain(tokenizer.decode(ids)) != _plain(prepared):
                lost.append(prepared)
    if lost:
        return verdict(
            False, "{count} of {tried} texts come back changed, such as {text!r}",
            count=len(lost), tried=tried, text=lost[0],
        )  # fmt: skip
    if not tried:
        return verdict(False, "no text has ids of its own: all hold <unk>")
    more = "; {unknown} texts hold <unk>" if unknown else ""
    return verdict(True, "{tried} texts come back as they were" + more, tried=tried, unknown=unknown)


def _own(tokenizer: Tokenizer) -> list[str]:
    """Text that an imported vocabulary can spell, of its own pieces: a small one has all other only with <unk>."""
    if not isinstance(tokenizer, MappedTokenizer):
        return []
    table = tokenizer.table
    ids = [i for i in range(EOS + 1, tokenizer.vocab_size) if i not in (*table.leads.values(), *table.front)]
    some = ids[:: max(1, len(ids) // OWN)]
    return [text for i in some if (text := tokenizer.decode([i]))]


def _plain(text: str) -> str:
    """Without what a vocabulary that others made may fold: compatibility forms, and how many spaces there are."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def specials_stay_inside(patient: Patient) -> Finding:
    """No translation holds <pad>, <unk> or <s>, as an id or as text."""
    ids = [i for found in patient.translated for i in found.tokens if i in (*UNWRITTEN, EOS)]
    texts = [t.text for t in patient.translator.translate(patient.texts, patient.options)]
    signs = [
        sign
        for source, text in zip(patient.texts, texts, strict=True)
        for sign in (*SPECIALS, UNKNOWN)
        if text.count(sign) > source.count(sign)
    ]
    found = dict.fromkeys([*(SPECIALS[i] for i in ids), *signs])
    return verdict(
        not found,
        "{names} in {count} translations" if found else "none in {count} translations",
        names=", ".join(found),
        count=len(texts),
    )


def what_is_kept_comes_out(patient: Patient) -> Finding:
    """An address in each sentence; and, of a vocabulary with placeholders, that the model writes the one it reads."""
    asked = [_amid(text, ADDRESS) for text in patient.texts]
    texts = [t.text for t in patient.translator.translate(asked, patient.options)]
    kept = sum(text.count(ADDRESS) == 1 for text in texts)
    if kept < len(texts):
        return verdict(
            False, "{kept} of {count} translations hold the address that their source has, once",
            kept=kept, count=len(texts),
        )  # fmt: skip
    target = patient.translator.model.target_tokenizer.placeholders
    shared = [word for word in patient.translator.model.source_tokenizer.placeholders if word in target]
    if not shared:
        return verdict(
            True,
            "an address comes out in all of {count} (the vocabulary has no placeholders)",
            count=len(texts),
        )
    return _written(patient, shared[0])


def _amid(text: str, word: str) -> str:
    """The text with a word in its middle: at an end it would be cut off before the model reads anything."""
    words = text.split(" ")
    half = len(words) // 2
    if half:
        return " ".join([*words[:half], word, *words[half:]])
    return f"{text[: len(text) // 2]} {word} {text[len(text) // 2 :]}"


def _written(patient: Patient, word: str) -> Finding:
    asked = [f"{text.rstrip(' .。?？!！')} {word}." for text in patient.texts]
    found = patient.translator.translate(asked, patient.options, protect=False)
    written = sum(one.text.count(word) == 1 for one in found)
    return verdict(
        written >= SPOKEN * len(found),
        "an address comes out in all of {count}; the model itself writes {word} once in {written} of {count}",
        count=len(found),
        word=word,
        written=written,
    )
