"""`dragoman serve`: start the HTTP service, and manage its API keys. Answers no request itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from dragoman.cli.flags import FormatFlag, flags_of, given
from dragoman.cli.terminal import say, say_json, tell
from dragoman.errors import ConfigError, UsageError
from dragoman.server.settings import Engines, Limits, Network, Settings, check_state

if TYPE_CHECKING:
    from dragoman.server.gate.keys import Keys
    from dragoman.server.gate.replicas import SharedKeys

    LimitFlags = Any
    NetworkFlags = Any
else:
    LimitFlags = flags_of(Limits, "Limits")
    NetworkFlags = flags_of(Network, "Network")

KEYS = Path("dragoman-keys.sqlite")
STATE_VARIABLE = "DRAGOMAN_STATE"  # where no list of processes shows the address
PATIENCE = 5.0  # seconds that somebody at a terminal waits for Redis
KeysFile = Annotated[
    Path | None, Parameter(name="--keys", help=f"the file of API keys; {KEYS} unless --state is given")
]
StateFlag = Annotated[
    str | None,
    Parameter(
        name="--state",
        env_var=STATE_VARIABLE,
        help="a Redis in which replicas share limits, keys and results, such as redis://HOST:6379/0",
    ),
]

serve = App(
    "serve",
    help="Serve translations over HTTP, with a web page; clients of LibreTranslate and DeepL work against it.",
    usage="dragoman serve [-m MODEL]... [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman serve\n\n  dragoman serve -m en-zh -m runs/de-en --port 8080\n\n"
    "  dragoman serve keys add alice --per-minute 60\n\n  dragoman serve --keys dragoman-keys.sqlite --require-key"
    "\n\n  dragoman serve --state redis://10.0.0.5:6379/0 --host 0.0.0.0",
)
keys = App("keys", help="Add, list and remove API keys.", usage="dragoman serve keys COMMAND ...")
serve.command(keys)


@dataclass(frozen=True)
class EnginesFlags:
    """Which models, and who computes."""

    model: Annotated[
        list[str] | None,
        Parameter(
            name=("--model", "-m"),
            help="a bundled model by name, or a model directory; may come several times",
        ),
    ] = None
    keep: Annotated[int, Parameter(help="models that stay loaded", show_default=True)] = Engines.keep
    engine: Annotated[
        Literal["auto", "ctranslate2", "torch"], Parameter(help="fast (ctranslate2) or reference (torch)")
    ] = "auto"
    device: Annotated[Literal["cpu", "cuda"], Parameter(help="where to compute")] = "cpu"
    threads: Annotated[
        int | None, Parameter(help="batches side by side in each process; one a core by default")
    ] = None
    compute_type: Annotated[
        str | None, Parameter(help="of the fast engine: int8 (default on a CPU), float32, ...")
    ] = None

    def settings(self) -> Engines:
        models = tuple(self.model or Engines.models)
        return Engines(models, self.keep, self.engine, self.device, self.threads, self.compute_type)


@serve.default
def start(
    *,
    engines: Annotated[EnginesFlags, Parameter(name="*")] = EnginesFlags(),  # noqa: B008 - frozen
    network: Annotated[NetworkFlags, Parameter(name="*")] = None,
    limits: Annotated[LimitFlags, Parameter(name="*")] = None,
    keys: Annotated[Path | None, Parameter(help="the file of API keys; none by default")] = None,
    require_key: Annotated[bool, Parameter(help="answer nobody without an API key")] = False,
    log_text: Annotated[bool, Parameter(help="write what users send, and what they get, to the log")] = False,
    state: StateFlag = None,
) -> None:
    """Start the service, on this machine alone unless told otherwise. Ctrl-C ends it, after what it has accepted."""
    from dragoman.server.run import run

    settings = Settings(
        engines.settings(),
        Network(**(given(network) if network else {})),
        Limits(**(given(limits) if limits else {})),
        keys,
        require_key,
        log_text,
        state,
    )
    run(settings, tell)


@contextmanager
def _opened(path: Path | None, state: str | None) -> Iterator[Keys | SharedKeys]:
    """Where the keys are. Raises ConfigError where two places are named."""
    from dragoman.server.gate.keys import Keys
    from dragoman.server.gate.link import Link
    from dragoman.server.gate.replicas import SharedKeys

    if state is None:
        with closing(Keys(path or KEYS)) as found:
            yield found
        return
    if path is not None:
        raise ConfigError(f"--keys {path} and --state: the keys are in one or the other")
    check_state(state)
    with closing(Link(state, patience=PATIENCE)) as link:
        yield SharedKeys(link)


@keys.command(usage="dragoman serve keys add NAME [OPTIONS]")
def add(
    name: Annotated[str, Parameter(help="whose it is, or what for")],
    /,
    *,
    per_minute: Annotated[int, Parameter(help="requests a minute; 0 = no limit")] = 0,
    quota: Annotated[int, Parameter(help="characters in 30 days; 0 = no limit")] = 0,
    keys: KeysFile = None,
    state: StateFlag = None,
) -> None:
    """Make a key and show it, once: only a hash of it is kept."""
    with _opened(keys, state) as found:
        key = found.add(name, per_minute, quota)
    tell(f"The key of {name}, which cannot be shown again:")
    say(key)


@keys.command(name="list", usage="dragoman serve keys list [OPTIONS]")
def show(*, keys: KeysFile = None, state: StateFlag = None, format: FormatFlag = "text") -> None:
    """What keys there are, and how much of their quota is used."""
    with _opened(keys, state) as found:
        known = found.all()
    for key in known:
        if format == "json":
            say_json(asdict(key))
            continue
        day = datetime.fromtimestamp(key.created, UTC).date()
        pace = f"{key.per_minute:,} a minute" if key.per_minute else "any pace"
        of = f" of {key.quota:,}" if key.quota else ""
        say(f"{key.name:<20}  {day}  {pace}, {key.used:,}{of} characters used")


@keys.command(usage="dragoman serve keys remove NAME [OPTIONS]")
def remove(
    name: Annotated[str, Parameter(help="of the key")],
    /,
    *,
    keys: KeysFile = None,
    state: StateFlag = None,
) -> None:
    """Take a key away; requests with it are refused from now on."""
    with _opened(keys, state) as found:
        found.remove(name)
    tell(f"The key of {name} is no longer valid.")


@keys.command(name="import", usage="dragoman serve keys import FILE --state redis://HOST:6379/0")
def take(
    file: Annotated[Path, Parameter(help="a file of API keys, which stays as it is")],
    /,
    *,
    state: StateFlag = None,
) -> None:
    """Bring the keys of a file, with what has been used, to the Redis that replicas share. Clients keep theirs."""
    from dragoman.server.gate.keys import Keys
    from dragoman.server.gate.replicas import SharedKeys

    if state is None:
        raise ConfigError("keys are imported into a Redis: name it with --state redis://HOST:6379/0")
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file of API keys")
    with _opened(None, state) as shared, closing(Keys(file)) as found:
        assert isinstance(shared, SharedKeys)
        new, all = shared.take(found), len(found.all())
    tell(f"{new} of {all} keys are new in the shared state; the others were there already.")
