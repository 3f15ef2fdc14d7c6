"""`dragoman explain`: one sentence, looked into. Decides which views of its trace are shown, and draws none."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dragoman.cli.flags import ModelFlags
from dragoman.cli.language import LangFlag, chosen
from dragoman.cli.lesson import Draw, teach
from dragoman.cli.reading import DirectionFlags
from dragoman.cli.terminal import STANDARD_OUTPUT, for_terminal, is_utf8, say_json, tell
from dragoman.cli.views import Place, Views
from dragoman.errors import UsageError
from dragoman.files import naming, refuse_directory
from dragoman.processor import uncollected

if TYPE_CHECKING:
    from dragoman.explain.terminal.drawing import Lines, Screen
    from dragoman.explain.terminal.reading import Run
    from dragoman.explain.trace.trace import Trace
    from dragoman.translate.translator import Translator

USAGE = "dragoman explain TEXT [-m MODEL] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman explain "Are you OK ?"

  dragoman explain "Are you OK ?" --reference "你好吗？" --lesson   step by step, for a first visit

  dragoman explain "Are you OK ?" --training --reference "你好吗？"

  dragoman explain "Are you OK ?" --attention decoder.2.cross --head 3

  dragoman explain "Are you OK ?" --ask training-vs-inference

  dragoman explain "Are you OK ?" --ask qkv --layer 2 --head 1 --step 2

  dragoman explain "Are you OK ?" --without causal_mask

  dragoman explain "Tom loves Mary." --without positions   beside Mary loves Tom

  dragoman explain "Are you OK ?" --reference "你干什么？" --teach 5

  dragoman explain "Are you OK ?" --reference "你好吗？" --say 1=干

  dragoman explain "Are you OK ?" --twice encoder.3

  dragoman explain "He went to the bank." --beside "They sat on the bank of the river." --word bank

  dragoman explain "Are you OK ?" -o page.html

  dragoman explain --timelapse runs/en-zh/probe.jsonl   what `dragoman train --probe` has kept"""

_PLAIN_WIDTH = 100  # cells, where no terminal says how wide it is
SHOWN_TAUGHT = 5  # steps of teaching on a page that is not asked for any


def explain(
    text: Annotated[str | None, Parameter(help="the sentence to translate and look into")] = None,
    /,
    *,
    model: Annotated[ModelFlags, Parameter(name="*")] = ModelFlags(),  # noqa: B008 - frozen
    direction: Annotated[DirectionFlags, Parameter(name="*")] = DirectionFlags(),  # noqa: B008 - frozen
    reference: Annotated[
        str | None,
        Parameter(help="a translation of it, for training; what the model writes itself where none is given"),
    ] = None,
    beam_size: Annotated[int | None, Parameter(help="beginnings kept at each step; 1 is greedy")] = None,
    views: Annotated[Views, Parameter(name="*")] = Views(),  # noqa: B008 - frozen
    place: Annotated[Place, Parameter(name="*")] = Place(),  # noqa: B008 - frozen
    lang: LangFlag = None,
) -> None:
    """Translate a sentence and show how: each step, each head, training beside inference.

    Every trace proves itself; a proof that fails is shown first.
    """
    language = chosen(lang)
    if place.timelapse is not None:
        if text is not None:
            raise UsageError("--timelapse shows the sentence that training looked at: give no other")
        if place.paged or place.format != "text" or views != Views() or reference is not None:
            raise UsageError(
                "--timelapse prints its own view, and only that: leave out -o, --format, --reference and the views"
            )
        _show_timelapse(place.timelapse, language)
        return
    if text is None:
        raise UsageError('there is no sentence: dragoman explain "Are you OK ?"')
    if place.output is not None:
        refuse_directory(place.output)
    for name, words in (("the text", text), ("--reference", reference), ("--beside", views.beside)):
        if words is not None and not is_utf8(words):
            raise UsageError(f"{name} is not UTF-8: convert it with iconv")
    with uncollected():
        import dragoman.explain.tracing  # noqa: F401 - all that a trace needs

        translator = direction.toward(model.load())
    trace = _traced(translator, text, reference, beam_size, views, place.paged)
    changed = trace.without(views.changed) if views.changed else None
    if place.format == "json":
        for found in (trace, changed):
            if found is not None:
                say_json(found.to_dict())
    elif not place.paged or views != Views():
        _show(trace, changed, views, language)
    if place.output is not None:
        _write(trace, changed, place.output, lang)


def _write(trace: Trace, asked: Trace | None, output: Path, lang: str | None) -> None:
    """The page, with every part removed in turn, and the one asked for: its switches cannot run the model."""
    from dragoman.explain.page.writing import write_page
    from dragoman.explain.watch.broken import PARTS

    changed = [] if asked is None or asked.removed in PARTS else [asked]
    for part in PARTS:
        with suppress(UsageError):  # a model that has no such part
            changed.append(trace.without(part, brief=True))
    write_page(trace, output, changed, lang)
    tell(f"wrote {output}: open it in a browser")


def _traced(
    translator: Translator, text: str, reference: str | None, beam_size: int | None, views: Views, paged: bool
) -> Trace:
    """With a training mode where one is shown: what the model writes itself stands in for a reference not given."""
    from dragoman.explain import explain as trace_of
    from dragoman.explain import explain_both
    from dragoman.explain.trace.trials import wanted

    taught = views.training or views.ask == "training-vs-inference" or views.teach is not None
    shown = SHOWN_TAUGHT if paged and reference else 0  # the page cannot run the model
    teach = shown or None if views.teach is None else views.teach
    tried = wanted(teach, views.say, views.beside, views.word, views.vectors)
    tried = replace(tried, boxes=paged or views.box is not None, lesson=views.lesson or paged)
    if not (taught or views.lesson or views.changed or views.say or paged):
        return trace_of(translator, text, reference, beam_size, wanted=tried)
    trace = explain_both(translator, text, reference, beam_size, tried)
    if taught and trace.training is None:
        from dragoman.explain.watch.subject import no_reference

        raise no_reference(trace.inference.text, trace.model.languages[1])
    return trace


def _show_timelapse(path: Path, lang: str) -> None:
    from dragoman.explain.terminal.timelapse import timelapse
    from dragoman.explain.watch.probing import read_probes

    try:
        probes = read_probes(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: is it the probe.jsonl of a training run?") from error
    screen, draw = written_on(lang)
    draw(timelapse(probes, screen))


def _show(trace: Trace, changed: Trace | None, views: Views, lang: str) -> None:
    stands_in = trace.training is not None and bool(trace.training.stands_in)
    screen, draw = written_on(lang)
    screen = replace(screen, stands_in=stands_in)
    if views.lesson:
        teach(trace, screen, draw)
        if views == Views(lesson=True):
            return
    draw(_lines(trace, changed, views, screen))


def written_on(lang: str) -> tuple[Screen, Draw]:
    """What is written on, in colour and as wide as the terminal is, or plain; and what writes lines on it."""
    from rich.console import Console

    from dragoman.explain.terminal.drawing import Screen, drawn

    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    screen = Screen(Console().width if terminal else _width(), colour, lang)

    def draw(lines: Lines) -> None:
        with naming(STANDARD_OUTPUT):
            sys.stdout.write(drawn(lines, screen, for_terminal if terminal else None))

    return screen, draw


def _width() -> int:
    """What COLUMNS says, or the terminal that a pager writes to: it is still there for messages."""
    if os.environ.get("COLUMNS", "").isdigit() and int(os.environ["COLUMNS"]) > 0:
        return int(os.environ["COLUMNS"])
    with suppress(OSError):
        return os.get_terminal_size(sys.__stderr__.fileno()).columns if sys.__stderr__ else _PLAIN_WIDTH
    return _PLAIN_WIDTH


def _lines(trace: Trace, changed: Trace | None, views: Views, screen: Screen) -> Lines:
    from dragoman.explain.terminal import answers
    from dragoman.explain.terminal import overview as terminal
    from dragoman.explain.terminal.attention import attention_view
    from dragoman.explain.terminal.beam import beam
    from dragoman.explain.terminal.beside import beside
    from dragoman.explain.terminal.boxes import boxes
    from dragoman.explain.terminal.saying import saying
    from dragoman.explain.terminal.teaching import teaching
    from dragoman.explain.terminal.training import training
    from dragoman.explain.terminal.without import comparison, learnt
    from dragoman.explain.watch.unmasked import taught_on_noise

    lines = terminal.alarm(trace, screen)
    if views == Views():
        return [*lines, *terminal.overview(trace, screen)]
    lines += terminal.title(trace, screen)
    if views.training:
        lines += training(trace, screen)
    if views.attention:
        run: Run = "training" if views.training else "inference"
        lines += attention_view(trace, screen, views.attention, views.head, run)
    if views.ask == "training-vs-inference":
        lines += answers.training_vs_inference(trace, screen)
    if views.ask == "qkv":
        layer = len(trace.decoder) if views.layer is None else views.layer
        head = 1 if views.head is None else views.head
        step = min(2, len(trace.inference.steps) - 1) if views.step is None else views.step
        lines += answers.qkv(trace, screen, layer, head, step)
    if views.beam:
        lines += beam(trace, screen)
    if changed is not None:
        lines += comparison(trace, changed, screen)
        if views.without == "causal_mask":
            lines += learnt(taught_on_noise(masked=True), taught_on_noise(masked=False), screen)
    if views.teach is not None:
        lines += teaching(trace, screen)
    if views.say is not None:
        lines += saying(trace, screen)
    if views.beside is not None:
        lines += beside(trace, screen)
    if views.box is not None:
        lines += boxes(trace, screen, views.box, None if views.beside else views.word)
    return [*lines, *(terminal.proof_table(trace, screen) if views.proofs else [])]
