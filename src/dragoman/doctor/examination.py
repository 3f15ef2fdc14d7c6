"""All properties in order, each examined on one model. Says nothing: the command line does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from dragoman.corpus.pairs import Pair, read_corpus
from dragoman.doctor import corpora, cost, wiring, words
from dragoman.doctor.engines import ENGINES, compared
from dragoman.doctor.finding import Finding, Line, unchecked, verdict
from dragoman.doctor.patient import Patient
from dragoman.errors import DragomanError, ModelError, UsageError
from dragoman.explain.watch.proofs import STATEMENTS as PROOFS
from dragoman.model.directory import find_model
from dragoman.processor import one_thread
from dragoman.translate.translator import Translator

Examination = Callable[[Patient], Finding]

FIRST = "tokenizer_fits"  # the line that fails where a model does not even open

STATEMENTS: Mapping[str, str] = {
    FIRST: "the tokenizer is the one that the weights were trained with",
    "round_trip": "text that becomes ids and text again is what it was",
    **PROOFS,
    "batched_equals_alone": "a sentence in a batch is translated as it is by itself",
    "beams_may_be_reordered": "a cache whose rows are repeated, exchanged and dropped gives the logits of the whole "
    "prefixes",
    "beam_one_is_greedy": "a search with one beam takes the likeliest token at each step",
    **{f"engine_{name}": f"the engine {name} translates as the reference does" for name in ENGINES},
    "specials_stay_inside": "no <pad>, <unk> or <s> comes out",
    "placeholders_come_out": "what is no word, such as an address, comes out as it went in",
    "corpus_loss": "the model knows more of the corpus than how often each token is",
    "corpus_sides": "source and target of the corpus are not exchanged",
    "corpus_aligned": "the lines of the corpus belong together: its neighbours' translations fit worse",
    "corpus_leaks": "the corpus is not what the model was trained on",
    "learns_a_batch": "a copy of the model can learn one batch by heart",
    "cost": "what one sentence and a thousand cost; together none takes longer than alone",
}

_ALONE: Mapping[str, Examination] = {
    FIRST: words.tokenizer_is_the_models,
    "round_trip": words.survives_a_round_trip,
    "batched_equals_alone": wiring.batched_equals_alone,
    "beams_may_be_reordered": wiring.beams_may_be_reordered,
    "beam_one_is_greedy": wiring.beam_of_one_is_greedy,
    **{f"engine_{name}": partial(compared, name=name) for name in ENGINES},
    "specials_stay_inside": words.specials_stay_inside,
    "placeholders_come_out": words.what_is_kept_comes_out,
    "corpus_loss": corpora.loss,
    "corpus_sides": corpora.sides,
    "corpus_aligned": corpora.alignment,
    "corpus_leaks": corpora.leaking,
    "learns_a_batch": corpora.learns,
    "cost": cost.cost,
}


def examine(model: str, corpus: Sequence[Path] = ()) -> Iterator[Line]:
    """A line for each property, as it is found. Raises UsageError and CorpusError for what cannot be examined at all,
    ModelError where there is no model.

    A model that is there and does not open fails the first line, and nothing else can be known of it.
    """
    path = find_model(model)
    try:
        translator = Translator.load(path)
    except ModelError as error:
        yield _line(FIRST, verdict(False, "{why}", why=str(error)))
        return
    pairs: list[Pair] = []
    if corpus:
        pairs = list(islice(read_corpus(corpus, *translator.languages), corpora.MOST_READ))
    with translator:
        yield from examined(Patient(translator, pairs))


def examined(patient: Patient) -> Iterator[Line]:
    """The lines of a model that is open."""
    if not patient.sources or not all(patient.sources):
        raise UsageError("there is no sentence to examine the model with: give a corpus")
    proofs: dict[str, Finding] = {}
    for name in STATEMENTS:
        if name in PROOFS:
            if not proofs:
                proofs = _proofs(patient)
            yield _line(name, proofs[name])
        else:
            with one_thread():  # small products; a search and a batch take what they are worth themselves
                finding = _found(_ALONE[name], patient)
            yield _line(name, finding)


def _line(name: str, finding: Finding) -> Line:
    return Line(name, STATEMENTS[name], finding)


def _proofs(patient: Patient) -> dict[str, Finding]:
    try:
        return wiring.proofs(patient)
    except Exception as error:
        return dict.fromkeys(PROOFS, _broken(error))


def _found(examination: Examination, patient: Patient) -> Finding:
    try:
        return examination(patient)
    except Exception as error:
        return _broken(error)


def _broken(error: Exception) -> Finding:
    """A model that is wired wrong may end anything in any way: that is a finding too, and the others go on."""
    if isinstance(error, MemoryError):
        return unchecked("not checked: there is too little memory")
    said = str(error) if isinstance(error, DragomanError) else f"{type(error).__name__}: {error}"
    return verdict(False, "it could not be computed: {why}", why=" ".join(said.split())[:200])
