"""What a training run can be told: sections and defaults. Does nothing; sizes to choose from are in presets.py.

One frozen dataclass a section; a default has its home here or beside the class it configures, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Annotated, Literal

from dragoman.bounds import LARGEST_WHOLE, LENGTH, SHARE, Within, refuse_out_of_bounds
from dragoman.config import Resolved, Sections, resolve
from dragoman.corpus.augment import AugmentConfig
from dragoman.corpus.cleaning import CleaningConfig
from dragoman.corpus.directed import Columns
from dragoman.corpus.tags import Tags
from dragoman.corpus.weights import Weights
from dragoman.decoding.options import MOST_HYPOTHESES, DecodingOptions
from dragoman.errors import ConfigError
from dragoman.model.kinds import TRANSLATORS
from dragoman.text.directions import Direction, all_told, learnt, read_directions, target_tags, written
from dragoman.text.languages import read_tag
from dragoman.text.tokenizer import TokenizerConfig
from dragoman.training.optimizer import OptimizerConfig
from dragoman.transformer.model import TransformerConfig

WORKER_TOKENS = 1024  # with less to do, workers wait for each other and for the optimiser


@dataclass(frozen=True)
class DataConfig:
    """What the corpus is."""

    source: Annotated[str, "language code of the source side"] = ""
    target: Annotated[str, "language code of the target side"] = ""
    held_out: Annotated[
        int,
        "pairs taken from the corpus for validation when no dev set is given, a tenth at most",
        Within(1, LARGEST_WHOLE),
    ] = 1000
    longest: Annotated[int, "pairs with more tokens than this on a side are not trained on", LENGTH] = 200
    weights: Annotated[
        tuple[str, ...],
        "NAME=WEIGHT each: how often an epoch reads the pairs of a corpus, or of a source in its third column",
    ] = ()
    directions: Annotated[
        tuple[str, ...],
        "en>zh, zh>en and so on: all that one model learns, the first of which source and target are; empty = that one",
    ] = ()
    both_ways: Annotated[
        bool, "each pair is learnt the other way round, too, as if data.directions named that as well"
    ] = False
    tagged: Annotated[
        bool, "sources begin with the symbol of the language to write, also where all directions go into one"
    ] = False
    columns: Annotated[
        tuple[str, ...],
        "NAME=en>zh each: the languages of the columns of a corpus that does not tell them itself",
    ] = ()
    tags: Annotated[
        tuple[str, ...],
        "NAME=SYMBOL each: a symbol that stands before the sources of a corpus, such as back=<bt>",
    ] = ()
    extend_vocab: Annotated[
        int,
        "pieces that are added at most to the vocabulary of the model that training begins at; 0 = none",
        Within(0, 100_000),
    ] = 0

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "data")
        # However they are spelled, the same directions are the same setting.
        object.__setattr__(self, "directions", tuple(map(written, read_directions(self.directions))))
        # What is no weight, no direction and so on is refused here.
        Weights(self.weights), Tags(self.tags), Columns(self.columns)
        if self.directions and (self.source, self.target) not in (
            ("", ""),
            read_directions(self.directions)[0],
        ):
            raise ConfigError(
                f"data.source = {self.source!r} and data.target = {self.target!r} are not the first of "
                f"data.directions = {', '.join(self.directions)}: name the languages in one of the two ways"
            )
        if self.columns and len(self.directions) < 2:
            raise ConfigError(
                "data.columns goes with several directions: of one, source and target name both columns"
            )

    @property
    def ways(self) -> tuple[Direction, ...]:
        """The directions that are learnt; at least one."""
        return learnt(self.directions, (self.source, self.target), self.both_ways)

    @property
    def several(self) -> bool:
        """Whether one model is trained in more than one direction."""
        return len(self.ways) > 1

    @property
    def symbols(self) -> tuple[str, ...]:
        """What may stand before a source: the tags of target languages and of corpora."""
        return (*target_tags(self.ways, self.tagged).values(), *Tags(self.tags).symbols)


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how large, how precise."""

    seed: Annotated[
        int, "of initial weights, dropout and data order", Within(-LARGEST_WHOLE, LARGEST_WHOLE)
    ] = 1
    device: Annotated[Literal["auto", "cpu", "cuda"], "where to compute; auto = a GPU when there is one"] = (
        "auto"
    )
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        "of the matrix products, auto = the quicker; weights are kept in fp32 beside them",
    ] = "auto"
    batch_tokens: Annotated[
        int, "sentences of a batch x longest side, padding included", Within(1, 2**31)
    ] = 4096
    accumulate: Annotated[int, "batches that make one step", Within(1, 2**31)] = 1
    workers: Annotated[
        int,
        "share each batch on a CPU, side by side; 0 = one a thread, if each then has 1,024 tokens and that is quicker",
        Within(0, 2**16),
    ] = 0
    fused: Annotated[
        bool,
        "on a CPU in bf16, where a C compiler is found: no padding, and in C what stands between the products",
    ] = True
    graph: Annotated[
        Literal["auto", "on", "off"],
        "batches in few shapes, each step replayed as a CUDA graph; auto = on a GPU, where the model allows it",
    ] = "auto"
    shard_optimizer: Annotated[
        bool,
        "of several ranks, each keeps its share of the optimiser's state: less memory the more there are (ZeRO-1)",
    ] = False
    max_steps: Annotated[
        int, "steps in all; the cosine and linear schedules end here", Within(1, LARGEST_WHOLE)
    ] = 100_000
    label_smoothing: Annotated[float, "share of the target given to all tokens alike (paper 5.4)", SHARE] = (
        0.1
    )
    consistency: Annotated[
        float,
        "weight of the divergence between two dropout passes (R-Drop, Wu et al. 2021); 0 = one pass",
        Within(0, 1e6),
    ] = 0.0
    guided_alignment: Annotated[
        float,
        "weight of the links between words, counted on the corpus, as what one head shall look at; 0 = none does",
        Within(0, 1e6),
    ] = 0.0
    checkpoint_minutes: Annotated[
        float, "between checkpoints; one is also written at each validation", Within(0, 1e6, open_least=True)
    ] = 10.0
    keep_checkpoints: Annotated[
        int,
        "older ones are removed, but those that a run which diverges returns to",
        Within(1, LARGEST_WHOLE),
    ] = 2
    weights: Annotated[Literal["float32", "float16"], "number format of model.safetensors"] = "float32"

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "training")

    def refuse_guiding(self, why: str) -> None:
        """For a model that has no head to guide, or data without links. Raises ConfigError."""
        if self.guided_alignment:
            raise ConfigError(f"training.guided_alignment = {self.guided_alignment:g}: {why}: leave it out")

    def workers_on(self, threads: int) -> int:
        """How many share a batch on a CPU with so many threads."""
        return self.workers or max(1, min(threads, self.batch_tokens // WORKER_TOKENS))


@dataclass(frozen=True)
class ValidationConfig:
    """When to look at the dev set, what to keep, when to stop."""

    every: Annotated[int, "steps between validations", Within(1, LARGEST_WHOLE)] = 1000
    metric: Annotated[Literal["bleu", "loss"], "what decides which model is better"] = "bleu"
    keep: Annotated[
        Literal["best", "last"],
        "the model that is kept: that of the best validation, or of the last one, whatever it scores",
    ] = "best"
    beam_size: Annotated[int, "for the BLEU of validations", Within(1, MOST_HYPOTHESES)] = 1
    sentences: Annotated[int, "at most so many of the dev set are translated", Within(1, LARGEST_WHOLE)] = (
        2000
    )
    patience: Annotated[
        int,
        "validations, none better than the model that is kept, before training stops; 0 = never",
        Within(0, LARGEST_WHOLE),
    ] = 10

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, "validation")


@dataclass(frozen=True)
class RunConfig:
    """A whole run; the sections of its TOML file are these fields."""

    data: DataConfig = field(default_factory=DataConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: TransformerConfig = field(default_factory=TransformerConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    decoding: DecodingOptions = field(default_factory=DecodingOptions)

    def __post_init__(self) -> None:
        if twice := sorted({*self.data.symbols} & {*self.tokenizer.symbols}):
            raise ConfigError(
                f"tokenizer.symbols has {', '.join(twice)}, which data.directions or data.tags makes a symbol that no "
                "text can spell: name it in one of the two"
            )
        if (kind := kind_of_model(self.model)) != DEFAULT_KIND:
            self.training.refuse_guiding(f"a model of kind {kind!r} has no heads that could be guided")
        if self.data.several and not self.tokenizer.joint:
            raise ConfigError(
                f"tokenizer.joint = false, and there are several directions ({all_told(self.data.ways)}): each "
                "language stands on both sides then, so there is one vocabulary for all (a recipe that reads both ways "
                "reads one with data.both_ways=false)"
            )


Layer = tuple[str, Sections]  # where it comes from, and what it says
# That of a Transformer is no field of its configuration: where nothing is said, it is meant.
DEFAULT_KIND = "transformer"


@cache
def run_config(kind: str) -> type[RunConfig]:
    """What a run of this kind of translator can be told: the same sections, and its own [model]."""
    if kind == DEFAULT_KIND:
        return RunConfig
    section, _ = TRANSLATORS[kind].load()
    model = ("model", section, field(default_factory=section))
    made = make_dataclass(
        section.__name__.replace("Config", "RunConfig"), [model], bases=(RunConfig,), frozen=True
    )
    made.__module__ = __name__
    return made


def kind_of_model(model: object) -> str:
    """The model.kind of a [model] section."""
    return str(getattr(model, "kind", DEFAULT_KIND))


def asked_kind(layers: Sequence[Layer]) -> str:
    """The last model.kind that was asked for. Raises ConfigError for one that there is not."""
    kind, origin = DEFAULT_KIND, ""
    for place, sections in layers:
        if "kind" in sections.get("model", {}):
            kind, origin = str(sections["model"]["kind"]), place
    if kind not in TRANSLATORS:
        raise ConfigError(f"model.kind = {kind} ({origin}): must be one of {', '.join(TRANSLATORS)}")
    return kind


def resolve_run(layers: Sequence[Layer]) -> Resolved[RunConfig]:
    """The configuration of (origin, sections) in turn; the last model.kind decides which options [model] has.

    Raises ConfigError: see config.resolve.
    """
    layers = _with_first_direction(layers)
    kind = asked_kind(layers)
    if kind != DEFAULT_KIND:
        return resolve(run_config(kind), layers)
    plain = [
        (place, {name: {k: v for k, v in values.items() if (name, k) != ("model", "kind")}
                 for name, values in sections.items()})
        for place, sections in layers
    ]  # fmt: skip
    return resolve(RunConfig, plain)


def _with_first_direction(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Source and target are those of the first direction, where a later layer than theirs names directions.

    Where a layer after that names languages, those of the directions are left that are between them.
    """
    named = [at for at, (_, sections) in enumerate(layers) if "directions" in sections.get("data", {})]
    if not named:
        return layers
    place, sections = layers[named[-1]]
    directions = resolve(_Directions, [(place, {"data": {"directions": sections["data"]["directions"]}})])
    if not directions.value.data.directions:
        return layers
    ways = read_directions(directions.value.data.directions)
    first = (f"{place}, its first direction", {"data": dict(zip(_SIDES, ways[0], strict=True))})
    later = layers[named[-1] + 1 :]
    return [*layers[: named[-1] + 1], first, *later, *_narrowed(ways, later)]


def _narrowed(ways: Sequence[Direction], later: Sequence[Layer]) -> list[Layer]:
    """What languages that are named later leave of several directions: those between them, or one of its own."""
    asked, places = dict.fromkeys(_SIDES, ""), []
    for place, sections in later:
        said = {side: str(code) for side, code in sections.get("data", {}).items() if side in _SIDES}
        if any(said.values()):
            asked |= said
            places.append(place)
    if not places:
        return []
    found = [
        way
        for way in ways
        if all(
            not asked[side] or read_tag(asked[side]) == read_tag(own)
            for side, own in zip(_SIDES, way, strict=True)
        )
    ]
    found = found or [(asked["source"] or ways[0][0], asked["target"] or ways[0][1])]
    data = dict(zip(_SIDES, found[0], strict=True))
    several = [*map(written, found)] if len(found) > 1 else []
    return [(", ".join(dict.fromkeys(places)), {"data": {**data, "directions": several}})]


_SIDES = ("source", "target")


@dataclass(frozen=True)
class _OnlyDirections:
    directions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Directions:
    data: _OnlyDirections = field(default_factory=_OnlyDirections)


# A resumed run may change anything but these: they decide what the weights and the ids mean.
FIXED_SECTIONS = ("data", "cleaning", "tokenizer", "model")

DEFAULT_PRESET = TRANSLATORS[DEFAULT_KIND].preset
