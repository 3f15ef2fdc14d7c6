"""`dragoman train`: words of the command line into one configuration, then a training run. Trains nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from dragoman.cli.flags import Corpus, LanguageFlags, languages
from dragoman.cli.runs import SessionFlags
from dragoman.cli.terminal import say
from dragoman.config import DEFAULT, Resolved, explain, load_toml, parse_set
from dragoman.errors import ConfigError, UsageError
from dragoman.typed import Spelled

if TYPE_CHECKING:
    from dragoman.training.recipe import Layer
    from dragoman.training.settings import RunConfig
    from dragoman.training.tasks.translators import Probed

ADDED = 1000  # pieces, with --extend-vocab
USAGE = "dragoman train CORPUS... -o DIR [--dev CORPUS...] [OPTIONS]"
EXAMPLES = """Examples:

  dragoman train train.de train.en --dev val.de val.en -o runs/de-en

  dragoman train corpus.tsv.gz --source-lang en --target-lang zh -o runs/en-zh

  dragoman train train.de train.en -o runs/de-en --preset tiny --max-minutes 10

  dragoman train train.de train.en -o runs/de-en --resume

  dragoman train mine.tsv --from en-zh -o runs/mine --set optimizer.peak_lr=5e-4

  dragoman train mine.tsv --from en-zh --extend-vocab -o runs/mine

  dragoman train train.de train.en --dev val.de val.en -o runs/de-en --recipe small-data

  dragoman train train.en train.de --recipe small-data --stages cool-down \\
      --from runs/de-en/stages/strong --directions en-de -o runs/en-de

  dragoman train train.de train.en -o runs/both --directions de-en,en-de

  dragoman train --preset base --print-config > base.toml"""


@dataclass(frozen=True)
class SettingFlags:
    """Where the configuration comes from; of two that say different things the later in this list wins."""

    preset: Annotated[
        str | None, Parameter(help="size and schedule: tiny, small (default), base, paper-base, rnn")
    ] = None
    recipe: Annotated[
        str | None,
        Parameter(help="a training in stages: small-data, standard, or a TOML file of your own"),
    ] = None
    some: Annotated[
        str | None,
        Parameter(name="--stages", help="with --recipe: these of its stages alone, such as cool-down"),
    ] = None
    base: Annotated[
        str | None,
        Parameter(name="--from", help="model to train further: its weights, vocabulary and shape are kept"),
    ] = None
    extend_vocab: Annotated[
        bool,
        Parameter(
            help=f"with --from: add up to {ADDED:,} pieces that its vocabulary lacks for this corpus; another number "
            "as data.extend_vocab",
            negative=(),
        ),
    ] = False
    config: Annotated[Path | None, Parameter(help="TOML file of settings; --print-config writes one")] = None
    directions: Annotated[
        str | None,
        Parameter(help="as data.directions, such as en-zh,zh-en: one model for all of them"),
    ] = None
    corpus_weight: Annotated[
        list[str] | None,
        Parameter(
            help="NAME=WEIGHT, as in data.weights: how often an epoch reads that corpus; may be repeated"
        ),
    ] = None
    device: Annotated[Literal["auto", "cpu", "cuda"] | None, Parameter(help="as training.device")] = None
    precision: Annotated[Literal["auto", "fp32", "bf16"] | None, Parameter(help="as training.precision")] = (
        None
    )
    seed: Annotated[int | None, Parameter(help="as training.seed")] = None
    set: Annotated[
        list[str] | None, Parameter(help="any one setting, as section.key=value; may be repeated")
    ] = None

    def stages(
        self, corpus: Sequence[Path], asked: LanguageFlags, must_know: bool
    ) -> list[tuple[str, Resolved[RunConfig]]]:
        """Name and whole configuration of each stage of the recipe; without one, of the only run."""
        from dragoman.training.recipe import find_recipe

        if self.recipe is None:
            if self.some is not None:
                raise UsageError(f"--stages {self.some}: stages of what? Name the recipe with --recipe")
            return [("", self._resolved(self._layers(asked, None, ()), corpus, must_know))]
        recipe = find_recipe(self.recipe)
        if self.some is not None:
            whole, recipe = recipe, recipe.only([one.strip() for one in self.some.split(",")])
            if self.base is None and recipe.stages[0] != whole.stages[0]:
                raise UsageError(
                    f"--stages {self.some}: they go on where {whole.stages[0].name} ended: name its model with --from"
                )
        return [
            (
                stage.name,
                self._resolved(self._layers(asked, recipe.preset, recipe.layers(stage)), corpus, must_know),
            )
            for stage in recipe.stages
        ]

    def one_way(self, stages: Sequence[tuple[str, Resolved[RunConfig]]]) -> str | None:
        """Why a recipe that reads both ways reads one here, where it does."""
        if all(resolved.origin["data.both_ways"] != f"--from {self.base}" for _, resolved in stages):
            return None
        return (
            f"--recipe {self.recipe} reads each pair both ways, but the vocabulary of {self.base} has no symbols that "
            "tell the directions apart: one way it is (--extend-vocab adds them)"
        )

    def _resolved(self, layers: list[Layer], corpus: Sequence[Path], must_know: bool) -> Resolved[RunConfig]:
        """The whole configuration; `must_know`: languages that nobody named are an error."""
        from dragoman.training.settings import resolve_run

        layers = self._as_before(layers)
        resolved = resolve_run(layers)
        data = resolved.value.data
        try:
            source, target = languages(corpus, data.source, data.target)
        except UsageError:
            if must_know:
                raise
            return resolved
        told = {
            side: code for side, code in (("source", source), ("target", target)) if not getattr(data, side)
        }
        return resolve_run([*layers, ("file names", {"data": told})])

    def _as_before(self, layers: list[Layer]) -> list[Layer]:
        """What is kept of the model to begin with, where it is trained on other directions than it has.

        The side that is simplified may be the other side of the first direction here; and of several directions one
        may be left, whose sources go on to begin with the tag that the model knows. A recipe reads both ways where it
        knows the tags of both.
        """
        from dragoman.text.directions import learnt, simplified_sides, target_tags
        from dragoman.training.settings import resolve_run

        resolved, place = resolve_run(layers), f"--from {self.base}"
        before = next((sections["data"] for origin, sections in layers if origin == place), None)
        if before is None:
            return layers
        data, old = resolved.value.data, (before["source"], before["target"])
        kept: dict[str, dict[str, Any]] = {}
        if resolved.origin["cleaning.simplify"] == place:
            simplify = simplified_sides(resolved.value.cleaning.simplify, old, (data.source, data.target))
            kept["cleaning"] = {"simplify": simplify}
        known = target_tags(learnt(before.get("directions", ()), old, False), before.get("tagged", False))
        missing = not data.extend_vocab and not {*target_tags(data.ways, data.tagged)} <= {*known}
        of_recipe = [
            name for name in ("both_ways", "tagged")
            if resolved.origin[f"data.{name}"].startswith(("recipe ", "stage ")) and getattr(data, name)
        ]  # fmt: skip
        if missing and of_recipe:
            kept["data"] = dict.fromkeys(of_recipe, False)
        elif resolved.origin["data.tagged"] in (place, DEFAULT) and not target_tags(data.ways):
            kept["data"] = {"tagged": data.ways[0][1] in known}
        return [*layers, (place, kept)]

    def _layers(self, asked: LanguageFlags, preset: str | None, recipe: Sequence[Layer]) -> list[Layer]:
        from dragoman.model.kinds import TRANSLATORS
        from dragoman.training.presets import PRESETS
        from dragoman.training.settings import asked_kind

        layers: list[Layer] = []
        if self.base is not None:
            layers.append((f"--from {self.base}", _settings_of(self.base)))
        layers += recipe
        if self.config is not None:
            layers.append((str(self.config), load_toml(self.config)))
        if self.corpus_weight:
            layers.append(("--corpus-weight", {"data": {"weights": self.corpus_weight}}))
        if self.extend_vocab:
            layers.append(("--extend-vocab", {"data": {"extend_vocab": ADDED}}))
        if self.directions is not None:
            layers.append(("--directions", {"data": {"directions": Spelled(self.directions)}}))
        for name in ("device", "precision", "seed"):
            if getattr(self, name) is not None:
                layers.append((f"--{name}", {"training": {name: getattr(self, name)}}))
        if self.directions is not None and (asked.source_lang or asked.target_lang):
            raise UsageError("--directions names the languages: leave out --source-lang and --target-lang")
        for side in ("source", "target"):
            if code := getattr(asked, f"{side}_lang"):
                layers.append((f"--{side}-lang", {"data": {side: code}}))
        layers += (("--set", parse_set(setting)) for setting in self.set or ())
        preset = self.preset or preset or TRANSLATORS[asked_kind(layers)].preset
        if preset not in PRESETS:
            raise ConfigError(f"--preset {preset}: there are {', '.join(PRESETS)}")
        return [(f"preset {preset}", PRESETS[preset]), *layers]


def _settings_of(model: str) -> dict[str, dict[str, Any]]:
    """What a run that trains `model` further takes over from it: all that its weights depend on."""
    from dragoman.model.directory import find_model, open_model

    found = open_model(find_model(model))
    return {
        "data": found.config["languages"],
        "cleaning": found.config["cleaning"],
        "tokenizer": found.config.get("tokenizer", {}) | {"joint": "joint" in found.tokenizers},
        "model": found.config["model"],
        "decoding": found.config["decoding"],
    }


@dataclass(frozen=True)
class ProbeFlags:
    """The sentence of a time-lapse."""

    probe: Annotated[
        str | None,
        Parameter(
            help="a sentence to look at in each validation: dragoman explain --timelapse shows what became of it"
        ),
    ] = None
    probe_reference: Annotated[str | None, Parameter(help="its translation; else what the model writes")] = (
        None
    )

    def asked(self) -> Probed | None:
        """Raises UsageError for a translation of nothing."""
        from dragoman.training.tasks.translators import Probed

        if self.probe is None:
            if self.probe_reference is not None:
                raise UsageError(
                    "--probe-reference goes with --probe: of which sentence is it the translation?"
                )
            return None
        return Probed(self.probe, self.probe_reference)


def train(
    *corpus: Corpus,
    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), help="directory of the run; the best model stands in it"),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        Parameter(consume_multiple=True, help="corpus to validate on; without it, pairs are held out"),
    ] = None,
    language: Annotated[LanguageFlags, Parameter(name="*")] = LanguageFlags(),  # noqa: B008 - frozen
    settings: Annotated[SettingFlags, Parameter(name="*")] = SettingFlags(),  # noqa: B008 - frozen
    session: Annotated[SessionFlags, Parameter(name="*")] = SessionFlags(),  # noqa: B008 - frozen
    probe: Annotated[ProbeFlags, Parameter(name="*")] = ProbeFlags(),  # noqa: B008 - frozen
    print_config: Annotated[
        bool, Parameter(help="print every setting, its meaning and its origin; train nothing")
    ] = False,
) -> None:
    """Train a translator on sentence pairs.

    Cleaning, vocabulary, training and validation are one command. Ctrl-C saves; --resume goes on.
    """
    stages = settings.stages(corpus, language, must_know=not print_config)
    if print_config:
        for name, resolved in stages:
            if name:
                say(f"# -- stage {name} of {settings.recipe} --\n")
            say(explain(resolved).rstrip("\n"))
        return
    _check(corpus, dev, output)
    assert output is not None

    from dragoman.model.directory import find_model, open_model
    from dragoman.training.tasks.stages import StagedRun, run_stages
    from dragoman.training.tasks.translators import start

    run = partial(start, corpus, dev or [], probed=probe.asked())
    base = None if settings.base is None else open_model(find_model(settings.base))
    asked = session.session()
    if (why := settings.one_way(stages)) is not None:
        asked.console.print(why, markup=False, highlight=False)
    if settings.recipe is None:
        run(output=output, config=stages[0][1].value, session=asked, base=base)
        return
    staged = [StagedRun(name, resolved.value) for name, resolved in stages]
    run_stages(staged, output, run, asked, base)


def _check(corpus: Sequence[Path], dev: Sequence[Path] | None, output: Path | None) -> None:
    """Raises UsageError for a command that lacks something, before anything is read."""
    if not corpus:
        took = f" (--dev took {', '.join(map(str, dev))}: put the corpus before it)" if dev else ""
        raise UsageError(f"there is no corpus to train on: name its files (dragoman train --help){took}")
    if output is None:
        raise UsageError("where should the run go? Add -o and a directory, such as -o runs/first")
    if dev == []:
        raise UsageError("--dev without a corpus: name its files, or leave it out to hold pairs out")
