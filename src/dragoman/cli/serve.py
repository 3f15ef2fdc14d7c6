"""`dragoman serve`: start the HTTP service, and manage its API keys. Answers no request itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from dragoman.cli.flags import FormatFlag, flags_of, given
from dragoman.cli.terminal import say, say_json, tell
from dragoman.server.settings import Engines, Limits, Network, Settings

if TYPE_CHECKING:
    LimitFlags = Any
    NetworkFlags = Any
else:
    LimitFlags = flags_of(Limits, "Limits")
    NetworkFlags = flags_of(Network, "Network")

KEYS = Path("dragoman-keys.sqlite")
KeysFile = Annotated[Path, Parameter(name="--keys", help="the file of API keys", show_default=True)]

serve = App(
    "serve",
    help="Serve translations over HTTP, with a web page; clients of LibreTranslate and DeepL work against it.",
    usage="dragoman serve [-m MODEL]... [OPTIONS]",
    help_epilogue="Examples:\n\n  dragoman serve\n\n  dragoman serve -m en-zh -m runs/de-en --port 8080\n\n"
    "  dragoman serve keys add alice --per-minute 60\n\n  dragoman serve --keys dragoman-keys.sqlite --require-key",
)
keys = App("keys", help="Add, list and remove API keys.", usage="dragoman serve keys COMMAND ...")
serve.command(keys)


@serve.default
def start(
    *,
    model: Annotated[
        list[str] | None,
        Parameter(
            name=("--model", "-m"),
            help="a bundled model by name, or a model directory; may come several times",
        ),
    ] = None,
    keep: Annotated[int, Parameter(help="models that stay loaded", show_default=True)] = Engines.keep,
    engine: Annotated[
        Literal["auto", "ctranslate2", "torch"], Parameter(help="fast (ctranslate2) or reference (torch)")
    ] = "auto",
    device: Annotated[Literal["cpu", "cuda"], Parameter(help="where to compute")] = "cpu",
    threads: Annotated[
        int | None, Parameter(help="batches side by side in each process; one a core by default")
    ] = None,
    compute_type: Annotated[
        str | None, Parameter(help="of the fast engine: int8 (default on a CPU), float32, ...")
    ] = None,
    network: Annotated[NetworkFlags, Parameter(name="*")] = None,
    limits: Annotated[LimitFlags, Parameter(name="*")] = None,
    keys: Annotated[Path | None, Parameter(help="the file of API keys; none by default")] = None,
    require_key: Annotated[bool, Parameter(help="answer nobody without an API key")] = False,
    log_text: Annotated[bool, Parameter(help="write what users send, and what they get, to the log")] = False,
) -> None:
    """Start the service, on this machine alone unless told otherwise. Ctrl-C ends it, after what it has accepted."""
    from dragoman.server.run import run

    settings = Settings(
        Engines(tuple(model or Engines.models), keep, engine, device, threads, compute_type),
        Network(**(given(network) if network else {})),
        Limits(**(given(limits) if limits else {})),
        keys,
        require_key,
        log_text,
    )
    run(settings, tell)


@keys.command(usage="dragoman serve keys add NAME [OPTIONS]")
def add(
    name: Annotated[str, Parameter(help="whose it is, or what for")],
    /,
    *,
    per_minute: Annotated[int, Parameter(help="requests a minute; 0 = no limit")] = 0,
    quota: Annotated[int, Parameter(help="characters in 30 days; 0 = no limit")] = 0,
    keys: KeysFile = KEYS,
) -> None:
    """Make a key and show it, once: only a hash of it is kept."""
    from dragoman.server.gate.keys import Keys

    key = Keys(keys).add(name, per_minute, quota)
    tell(f"The key of {name}, which cannot be shown again:")
    say(key)


@keys.command(name="list", usage="dragoman serve keys list [OPTIONS]")
def show(*, keys: KeysFile = KEYS, format: FormatFlag = "text") -> None:
    """What keys there are, and how much of their quota is used."""
    from dragoman.server.gate.keys import Keys

    for key in Keys(keys).all():
        if format == "json":
            say_json(asdict(key))
            continue
        day = datetime.fromtimestamp(key.created, UTC).date()
        pace = f"{key.per_minute:,} a minute" if key.per_minute else "any pace"
        of = f" of {key.quota:,}" if key.quota else ""
        say(f"{key.name:<20}  {day}  {pace}, {key.used:,}{of} characters used")


@keys.command(usage="dragoman serve keys remove NAME [OPTIONS]")
def remove(name: Annotated[str, Parameter(help="of the key")], /, *, keys: KeysFile = KEYS) -> None:
    """Take a key away; requests with it are refused from now on."""
    from dragoman.server.gate.keys import Keys

    Keys(keys).remove(name)
    tell(f"The key of {name} is no longer valid.")
