"""Training a translator, from corpus to sealed model: its data, its model, its validation. The run is run.py's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn

from dragoman.config import difference
from dragoman.corpus.cleaning import prepare_text
from dragoman.corpus.directed import Columns
from dragoman.corpus.lexicon import Lexicon
from dragoman.errors import ConfigError, TrainingError, UsageError
from dragoman.explain.watch.probing import add_probe, probe
from dragoman.model.directory import ModelDirectory
from dragoman.model.growth import grown
from dragoman.model.kinds import TRANSLATORS
from dragoman.model.seal import MANIFEST
from dragoman.text.directions import all_told, of_text, simplified_sides
from dragoman.training.outlook import Result
from dragoman.training.resume import completed
from dragoman.training.run import carry_out
from dragoman.training.session import Session
from dragoman.training.settings import RunConfig, kind_of_model
from dragoman.training.task import Task
from dragoman.training.tasks.gather import corpora
from dragoman.training.tasks.guided import Guided
from dragoman.training.tasks.origin import Recipe
from dragoman.training.tasks.prepare import OnGrid, TrainingData, prepare
from dragoman.training.tasks.validate import Validator
from dragoman.transformer.model import GUIDED_HEAD
from dragoman.transformer.parts import Parts

PROBES = "probe.jsonl"


@dataclass(frozen=True)
class Probed:
    """A sentence that is looked at in each validation, for a time-lapse of its attention."""

    text: str
    reference: str | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise UsageError("--probe: there is no text to look at")

    def look(self, config: RunConfig, data: TrainingData, output: Path) -> Callable[[nn.Module, int], None]:
        """What adds a look to the file of probes in `output`."""
        cleaning, ways = config.cleaning, config.data.ways
        direction = of_text(self.text, ways) if len(ways) > 1 else ways[0]
        simplify = simplified_sides(cleaning.simplify, ways[0], direction)
        text = prepare_text(self.text, cleaning.normalize, simplify in ("source", "both"))
        reference = self.reference and prepare_text(
            self.reference, cleaning.normalize, simplify in ("target", "both")
        )
        tokenizers, before = (data.source_tokenizer, data.target_tokenizer), data.before(direction)

        def add(model: nn.Module, step: int) -> None:
            add_probe(output / PROBES, probe(model, *tokenizers, text, reference, step, before))

        return add


def start(
    corpus: Sequence[Path],
    dev: Sequence[Path],
    output: Path,
    config: RunConfig,
    session: Session,
    *,
    base: ModelDirectory | None = None,
    probed: Probed | None = None,
) -> Result:
    """Train into `output`: prepare, look, train, seal the best model.

    With `base`, training begins at its weights and keeps its tokenizers; config.model must be that of `base`.
    With `probed`, each validation adds a look at that sentence to probe.jsonl in `output`.

    Raises CorpusError, ConfigError, TrainingError; whatever is raised, the last checkpoint stays good.
    """
    # What is not there is said before any writing.
    named = [one.files[0] for files in (corpus, dev) if files for one in corpora(files, config.data)]
    Columns(config.data.columns).check([*map(str, named)], ())
    of_a_run = any((output / name).exists() for name in ("checkpoints", "data"))
    if not session.resume and (output / MANIFEST).exists() and not of_a_run:
        raise TrainingError(
            f"{output} already holds a model, which this training would replace: choose another directory"
        )
    if base is not None:
        _check_same_shape(config, base)
    elif config.data.extend_vocab:
        raise ConfigError(
            f"data.extend_vocab = {config.data.extend_vocab:,} adds to the vocabulary of a model that exists: name it "
            "with --from, or leave that out"
        )

    def task() -> Task:
        recipe = Recipe(config.data, config.cleaning, config.tokenizer, config.augment, config.training.seed)
        tokenizers = None if base is None else base.tokenizers
        say = partial(session.console.print, markup=False, highlight=False)
        if base is not None and base.directions != config.data.ways:
            say(
                f"the model to begin with translates {all_told(base.directions)}, and is trained on "
                f"{all_told(config.data.ways)} from here on"
            )
        data = prepare(corpus, dev, output / "data", recipe, say, tokenizers, session.resume)
        look = None if probed is None else probed.look(config, data, output)
        validator = Validator(output, config, data, look, base)
        usage = f'dragoman translate -m {output} "..."'
        size = f"{data.pairs:,} pairs"
        if config.data.several:
            size += f" in {len(config.data.ways)} directions"
        guided = _guided(config, data, say)
        return Task(
            partial(_model, config, data, base, guided), data, validator, size, usage,
            contents=data.contents, further=base is not None, on_grid=None if guided else _on_grid(config, data),
        )  # fmt: skip

    return carry_out(output, config, task, session)


def _guided(
    config: RunConfig, data: TrainingData, say: Callable[[str], None]
) -> Callable[..., Guided] | None:
    """What takes the place of a Transformer, if one of its heads is to learn the links of words."""
    weight = config.training.guided_alignment
    if not weight:
        return None
    lexicon = Lexicon.counted(data.ids(0), data.target_tokenizer.vocab_size)
    say(
        f"head {GUIDED_HEAD + 1} of the last decoder layer learns where words are linked, which {len(lexicon.keys):,} "
        "pairs of tokens tell; sentences keep their padding for that, so a step takes longer"
    )
    return partial(Guided, lexicon, weight)


def _model(
    config: RunConfig, data: TrainingData, base: ModelDirectory | None, guided: Callable[..., Guided] | None,
    parts: Parts,
) -> nn.Module:  # fmt: skip
    if guided is not None:
        parts = replace(parts, transformer=guided)
    vocabularies = data.source_tokenizer.vocab_size, data.target_tokenizer.vocab_size
    _, build = TRANSLATORS[kind_of_model(config.model)].load()
    model = build(config.model, *vocabularies, parts)
    if base is not None:
        whole = grown(base, data.source_tokenizer, data.target_tokenizer)
        model.load_state_dict(whole.build().state_dict())
    return model


def _on_grid(config: RunConfig, data: TrainingData) -> OnGrid | None:
    """The data on a grid, for a model that can be trained in few shapes."""
    kind = TRANSLATORS[kind_of_model(config.model)]
    return OnGrid(data) if kind.few_shapes(config.model) else None


def _check_same_shape(config: RunConfig, base: ModelDirectory) -> None:
    asked = {**asdict(config.model), "kind": kind_of_model(config.model)}
    # Dropout has no weights: it may differ.
    changes = difference(completed({"model": base.config["model"]}, config), {"model": asked})
    changes = [change for change in changes if "dropout" not in change.split(":")[0]]
    # How pieces are sampled is how a vocabulary is used, not how it was learnt; what it lacks can be added to it.
    free: dict[str, object] = {"sampling": 0.0}
    if config.data.extend_vocab:
        free |= {"vocab_size": 0, "placeholders": 0}
    tokenizer = asdict(config.tokenizer)
    own = {
        **tokenizer,
        "placeholders": len(base.source_tokenizer.placeholders),
        **base.config.get("tokenizer", {}),
        "joint": "joint" in base.tokenizers,
    } | free
    tokenizer |= free
    changes += difference({"tokenizer": own}, {"tokenizer": tokenizer})
    if changes:
        raise ConfigError(
            f"a model that is trained further keeps its shape and its vocabulary, and {base.path} has another than "
            f"asked for (its own -> asked): {'; '.join(changes)}"
        )
