"""Who may ask, and how much: keys and addresses, counted where the settings say. Knows no model and no route."""

from __future__ import annotations

from functools import partial

from dragoman.server.gate.counts import Key
from dragoman.server.gate.link import Link
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal
from dragoman.server.gate.state import KeyStore, LocalState, SharedState, State
from dragoman.server.requests import Client, ClientRequest, check
from dragoman.server.settings import Settings


class Admission:
    """The door of the service."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self.link = Link(settings.state) if settings.state else None
        self._state: State = SharedState(settings, self.link) if self.link else LocalState(settings)
        self.open, self.close = self._state.open, self._state.close
        if self.link:
            metrics.gauge("dragoman_state_shared", "1, or 0 while Redis is lost.", self._is_shared)

    @property
    def keys(self) -> KeyStore | None:
        """None where keys mean nothing: whoever sends one is counted by address."""
        keys = self._state.keys
        return keys if keys and (keys.in_force or self._settings.require_key) else None

    @property
    def told(self) -> dict[str, str]:
        """What /health says of it."""
        return {} if self._state.told is None else {"state": self._state.told}

    def _is_shared(self) -> float:
        return float(self._state.told == "shared")

    async def check_key(self, key: str | None, keyless: int = 403) -> None:
        """Raises Refusal where a key is needed and there is none, or a wrong one."""
        await self._state.run(partial(self._checked, key, keyless))

    async def find(self, key: str | None) -> Key | None:
        """What is known of a key. Raises Refusal for a wrong one, or none where one is needed."""
        return await self._state.run(partial(self._checked, key, 403))

    async def admit(self, client: Client, request: ClientRequest) -> None:
        """Let a request in and count it. Raises Refusal for one that asks too much, or comes too often."""
        check(request, self._settings.limits)
        await self.count(client, sum(map(len, request.texts)))

    async def count(self, client: Client, characters: int) -> None:
        """Count so many characters for a client's key or address. Raises Refusal."""
        await self._state.run(partial(self._counted, client, characters))
        self._metrics.count("dragoman_characters_total", characters)

    def _checked(self, key: str | None, keyless: int) -> Key | None:
        keys = self.keys
        found = keys.find(key) if keys and key else None
        if keys and key and found is None:
            raise Refusal(403, "this API key is not known here")
        if self._settings.require_key and not key:
            raise Refusal(keyless, "an API key is needed: ask whoever runs this server for one")
        return found

    def _counted(self, client: Client, characters: int) -> None:
        found = self._checked(client.key, client.keyless)
        client.noted["characters"] = characters
        keys = self.keys
        if found is None or keys is None:
            self._state.addresses.spend(client.address)
        else:
            client.noted["key"] = found.name
            keys.spend(found.name, characters)
