"""Models on demand, kept by recency, replaced while they are in use; which one is meant by what languages."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman.errors import ConfigError, ModelError
from dragoman.server import models as module
from dragoman.server.gate.metrics import Metrics
from dragoman.server.gate.refusals import Refusal
from dragoman.server.models import Loader, Models, Served, find
from dragoman.server.requests import ClientRequest, check, direct
from dragoman.server.settings import Engines, Limits, Settings
from tiny import Parts


class Opened:
    """Stands for a Translator; the n-th that was opened."""

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.number = path, number


class Disk:
    """Directories that look like models, and a count of how often each was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.opened, self.broken = folder, list[str](), set[str]()

    def add(self, name: str, source: str = "en", target: str = "zh") -> str:
        path = self.folder / name
        path.mkdir()
        (path / "config.toml").write_text(f'[languages]\nsource = "{source}"\ntarget = "{target}"\n')
        (path / "manifest.json").write_text("{}")
        return str(path)

    def replace(self, name: str) -> None:
        new = self.folder / name / "new"
        new.write_text('{"changed": true}')
        os.replace(new, self.folder / name / "manifest.json")

    def load(self, path: Path) -> Any:
        if path.name in self.broken:
            raise ModelError(f"{path} is broken")
        self.opened.append(path.name)
        return Opened(path, len(self.opened))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def tell(disk: Disk, story: Callable[[Models], Awaitable[None]], *names: str, keep: int = 2) -> None:
    async def told() -> None:
        models = Models(find([str(disk.folder / name) for name in names]), keep, disk.load, Metrics())
        await story(models)
        models.close()

    asyncio.run(told())


async def use(models: Models, name: str) -> Any:
    return await models.translator(models.named(name))


def test_a_model_is_loaded_when_it_is_first_needed(disk: Disk) -> None:
    disk.add("one"), disk.add("two")

    async def story(models: Models) -> None:
        assert disk.opened == []
        first, again = await use(models, "two"), await use(models, "two")
        assert first is again
        assert disk.opened == ["two"]
        assert [models.is_loaded(name) for name in ("one", "two")] == [False, True]

    tell(disk, story, "one", "two")


def test_requests_that_come_together_load_it_once(disk: Disk) -> None:
    disk.add("one")

    async def story(models: Models) -> None:
        found = await asyncio.gather(*(use(models, "one") for _ in range(10)))
        assert len({id(one) for one in found}) == 1

    tell(disk, story, "one")
    assert disk.opened == ["one"]


def test_the_one_that_was_used_longest_ago_gives_way(disk: Disk) -> None:
    for name in "abc":
        disk.add(name)

    async def story(models: Models) -> None:
        for name in ("a", "b", "a", "c"):
            await use(models, name)
        assert [models.is_loaded(name) for name in "abc"] == [True, False, True]

    tell(disk, story, *"abc", keep=2)


def test_a_model_that_was_replaced_is_loaded_while_the_old_one_answers(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_AGAIN", -1.0)
    disk.add("one")

    async def story(models: Models) -> None:
        old = await use(models, "one")
        disk.replace("one")
        assert await use(models, "one") is old  # and the new one is on its way
        for _ in range(500):
            if (new := await use(models, "one")) is not old:
                break
            await asyncio.sleep(0.002)
        assert new.number == 2
        assert await use(models, "one") is new

    tell(disk, story, "one")
    assert disk.opened == ["one", "one"]


@pytest.mark.parametrize("harm", ["broken", "gone"])
def test_a_newer_one_that_does_not_open_leaves_the_old_one(
    disk: Disk, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_AGAIN", -1.0)
    disk.add("one")

    async def story(models: Models) -> None:
        old = await use(models, "one")
        if harm == "broken":
            disk.broken.add("one")
            disk.replace("one")
        else:
            shutil.rmtree(disk.folder / "one")
        for _ in range(5):
            assert await use(models, "one") is old
            await asyncio.sleep(0.01)

    tell(disk, story, "one")


def test_a_model_that_does_not_open_says_why_each_time(disk: Disk) -> None:
    disk.add("one")
    disk.broken.add("one")

    async def story(models: Models) -> None:
        for _ in range(2):
            with pytest.raises(ModelError, match="broken"):
                await use(models, "one")
        disk.broken.clear()
        await use(models, "one")

    tell(disk, story, "one")


def test_two_of_one_name_are_refused(disk: Disk, tmp_path: Path) -> None:
    one = disk.add("one")
    (tmp_path / "other").mkdir()
    other = Disk(tmp_path / "other").add("one")
    with pytest.raises(ConfigError, match="rename one"):
        find([one, other])


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        find([str(tmp_path)])
    with pytest.raises(ModelError):
        find(["nothing-of-this-name"])


def test_a_real_model_that_was_read_before_is_not_read_again(tiny_parts: Parts, tmp_path: Path) -> None:
    path = tiny_parts.write(tmp_path / "model")
    settings = Settings(Engines((str(path),), threads=1))
    opened = (module.stamp_of(path), module.open_model(path))
    assert Loader(settings, {path: opened})(path).model is opened[1]
    tiny_parts.write(path)
    assert Loader(settings, {path: opened})(path).model is not opened[1]


class TestDirection:
    @pytest.fixture
    def models(self, disk: Disk) -> Models:
        names = [disk.add("en-zh"), disk.add("de-en", "de", "en"), disk.add("zh-en", "zh-Hans", "en")]
        return Models(find(names), 1, disk.load, Metrics())

    @pytest.mark.parametrize(
        "asked, model",
        [
            (ClientRequest(["x"], "en", "zh"), "en-zh"),
            (ClientRequest(["x"], "EN-us", "zh-Hant"), "en-zh"),
            (ClientRequest(["x"], "zh", "en"), "zh-en"),
            (ClientRequest(["x"], "de"), "de-en"),
            (ClientRequest(["x"], model="zh-en"), "zh-en"),
            (ClientRequest(["The house is old and it is not big."]), "en-zh"),
            (ClientRequest(["Das Haus ist alt und nicht sehr groß."]), "de-en"),
            (ClientRequest(["这个房子很旧。"]), "zh-en"),
            (ClientRequest(["Das Haus ist alt und nicht sehr groß."], "auto", "en"), "de-en"),
            (ClientRequest(["This is English already."], "auto", "en"), None),
            (ClientRequest(["x"], "en", "en-GB"), None),
        ],
    )
    def test_which_model_is_meant(self, models: Models, asked: ClientRequest, model: str | None) -> None:
        found = direct(models, asked)
        assert (found.model.name if found.model else None) == model

    @pytest.mark.parametrize(
        "asked",
        [
            ClientRequest(["x"], "de", "zh"),
            ClientRequest(["x"], "ja", "en"),
            ClientRequest(["x"], "en", "fr"),
            ClientRequest(["x"], "en", "zh", model="de-en"),
            ClientRequest(["x"], model="none"),
            ClientRequest(["x"], "e" * 300, "zh"),
        ],
    )
    def test_what_none_can_do_is_refused(self, models: Models, asked: ClientRequest) -> None:
        with pytest.raises(Refusal) as refused:
            direct(models, asked)
        assert refused.value.status == 400

    def test_what_is_served(self, models: Models) -> None:
        assert models.pairs == {"en": ["zh"], "de": ["en"], "zh": ["en"]}
        assert models.languages == ["en", "de", "zh"]
        assert isinstance(models.default, Served)


def test_limits_hold_exactly() -> None:
    limits = Limits(characters=10, items=2, beam_size=4, n_best=3)
    check(ClientRequest(["12345", "12345"], options={"beam_size": 4, "n_best": 3}), limits)
    for asked in (
        ClientRequest(["12345", "123456"]),
        ClientRequest(["", "", ""]),
        ClientRequest([""], options={"beam_size": 5}),
        ClientRequest([""], options={"n_best": 4}),
        ClientRequest(["", ""], prefixes=[""]),
    ):
        with pytest.raises(Refusal):
            check(asked, limits)
