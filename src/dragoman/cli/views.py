"""What `dragoman explain` can be asked about a sentence, and where it is shown. Shows none of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from dragoman.cli.flags import FormatFlag
from dragoman.errors import UsageError

Question = Literal["training-vs-inference", "qkv"]

_VIEWS = Group("What to show", help="The whole story when none of these is given.", sort_key=5)
_HEAD = Parameter(help="head, from 1, of --attention (all without it) or --ask qkv", group=_VIEWS)


@dataclass(frozen=True)
class Views:
    """Which views of the trace are asked for."""

    lesson: Annotated[
        bool,
        Parameter(
            help="a lesson of eight steps on this sentence: how it is written, how one trains, who is Q, K and V",
            group=_VIEWS,
        ),
    ] = False
    training: Annotated[
        bool, Parameter(help="the training step of this sentence: teacher forcing, loss, mask", group=_VIEWS)
    ] = False
    attention: Annotated[
        str | None, Parameter(help="one attention, such as decoder.2.cross or encoder.1.self", group=_VIEWS)
    ] = None
    ask: Annotated[
        Question | None,
        Parameter(help="answer one of the two questions with the numbers of this sentence", group=_VIEWS),
    ] = None
    layer: Annotated[int | None, Parameter(help="decoder layer, from 1, of --ask qkv", group=_VIEWS)] = None
    head: Annotated[int | None, _HEAD] = None
    step: Annotated[int | None, Parameter(help="step t, from 0, of --ask qkv", group=_VIEWS)] = None
    beam: Annotated[bool, Parameter(help="the beam as a tree, with what was given up", group=_VIEWS)] = False
    without: Annotated[
        str | None,
        Parameter(
            help="before and after removing causal_mask, shift, scale, cache, positions, encoder, swap (Q from the "
            "wrong side), training, a layer, such as encoder.3, or a head, such as head:decoder.2.cross:1",
            group=_VIEWS,
        ),
    ] = None
    twice: Annotated[
        str | None,
        Parameter(help="before and after putting a layer in twice, such as encoder.3", group=_VIEWS),
    ] = None
    teach: Annotated[
        int | None,
        Parameter(
            help="so many steps of gradient descent, 1 to 20, on a copy of the weights with this pair: what each does",
            group=_VIEWS,
        ),
    ] = None
    say: Annotated[
        str | None,
        Parameter(
            help="STEP=WORD: let the model say that word at that step, from 0: what it changes in training, and what "
            "in inference",
            group=_VIEWS,
        ),
    ] = None
    beside: Annotated[
        str | None,
        Parameter(
            help="another sentence: a word of both, its vector layer by layer, where it looks",
            group=_VIEWS,
        ),
    ] = None
    word: Annotated[
        str | None,
        Parameter(
            help="the word of --beside (the one that both share where none is given), or of --box",
            group=_VIEWS,
        ),
    ] = None
    vectors: Annotated[
        Path | None,
        Parameter(
            help="a file of `dragoman words train` for --beside: the one vector of the word",
            group=_VIEWS,
        ),
    ] = None
    box: Annotated[
        str | None,
        Parameter(
            help="the numbers of one box: embedding, a layer, such as encoder.2 or decoder.1, or output",
            group=_VIEWS,
        ),
    ] = None
    proofs: Annotated[bool, Parameter(help="each proof with its number and limit", group=_VIEWS)] = False

    def __post_init__(self) -> None:
        if self.head is not None and not self.attention and self.ask != "qkv":
            raise UsageError("--head goes with --attention or --ask qkv: say of which layer")
        for flag, value in (("--layer", self.layer), ("--step", self.step)):
            if value is not None and self.ask != "qkv":
                raise UsageError(f"{flag} goes with --ask qkv")
        if self.word is not None and self.beside is None and self.box is None:
            raise UsageError("--word goes with --beside or --box: say what is to be told of it")
        if self.vectors is not None and self.beside is None:
            raise UsageError("--vectors goes with --beside: give the other sentence")
        if self.without is not None and self.twice is not None:
            raise UsageError("--without and --twice are one change each: give one of them")

    @property
    def changed(self) -> str | None:
        """The change to the model that is asked for, as a trace names it."""
        return self.without if self.twice is None else f"twice:{self.twice}"


@dataclass(frozen=True)
class Place:
    """Where it is shown, and what is shown where there is no sentence."""

    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="write a page (.html) with all of it")
    ] = None
    timelapse: Annotated[
        Path | None,
        Parameter(help="instead of a sentence: the probes that a training run left, from noise to structure"),
    ] = None
    format: FormatFlag = "text"

    @property
    def paged(self) -> bool:
        return self.output is not None
