"""With real links, and with a disk that does not answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Location, PermissionMode, PermissionRequest, ToolKind, Verdict, decide
from jelmored.providers import locating
from jelmored.providers.base import Asked, TurnBegan
from jelmored.providers.locating import Locator


def asked(*places: Location | str) -> Asked:
    locations = tuple(Location(path=place) if isinstance(place, str) else place for place in places)
    return Asked(
        PermissionRequest(
            request_id=RequestId("r"),
            tool_name="Edit",
            kind=ToolKind.EDIT,
            title="",
            input={},
            locations=locations,
            located=False,
        )
    )


def verdict(event: Asked, directory: Path) -> Verdict:
    return decide(PermissionMode.ALLOW_EDITS, (), event.request, [str(directory)])


async def located(*events: Asked, by: Locator | None = None) -> list[Asked]:
    with trio.fail_after(5):
        found = await (by or Locator()).located(events)
    return [event for event in found if isinstance(event, Asked)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a link in it that leads outside, and one that leads to a file beside it."""
    project = tmp_path.resolve() / "project"
    project.mkdir()
    (project / "out").symlink_to("/etc")
    (project / "also").symlink_to("here")
    return project


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A path whose disk does not answer before the test is over."""
    path, over, realpath = "/dead/mount/f", threading.Event(), os.path.realpath

    def hang(wanted: str) -> str:
        if wanted == path:
            over.wait(10)
        return realpath(wanted)

    monkeypatch.setattr(locating, "PATIENCE", 0.2)
    monkeypatch.setattr("os.path.realpath", hang)
    yield path
    over.set()


async def test_a_path_is_where_it_leads(project: Path) -> None:
    inside, outside = await located(asked(f"{project}/here"), asked(f"{project}/out/passwd"))
    assert [place.path for place in outside.request.locations] == ["/etc/passwd"]
    assert (verdict(inside, project), verdict(outside, project)) == (Verdict.ALLOW, Verdict.ASK)


async def test_two_paths_to_one_place_are_told_once(project: Path) -> None:
    (event,) = await located(asked(Location(path=f"{project}/also", line=7), f"{project}/here"))
    assert event.request.locations == (Location(path=f"{project}/here", line=7),)


async def test_what_names_no_path_is_located(project: Path) -> None:
    (event,) = await located(asked())
    assert event.request.located


async def test_other_events_stand_where_they_stood(project: Path) -> None:
    events = await Locator().located([TurnBegan(), asked(str(project)), TurnBegan()])
    assert [type(event) for event in events] == [TurnBegan, Asked, TurnBegan]


async def test_what_is_no_path_for_the_system_is_asked(project: Path) -> None:
    for path in (f"{project}/a\0b", f"{project}/\ud800"):
        (event,) = await located(asked(path))
        assert [place.path for place in event.request.locations] == [path]
        assert verdict(event, project) is Verdict.ASK


async def test_a_disk_that_does_not_answer_stops_nobody_and_its_paths_are_asked(project: Path, dead: str) -> None:
    beats = []

    async def beat() -> None:
        while True:
            await trio.sleep(0.01)
            beats.append(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat)
        (event,) = await located(asked(dead))
        nursery.cancel_scope.cancel()
    assert len(beats) > 3
    assert [place.path for place in event.request.locations] == [dead]
    assert verdict(event, Path("/dead")) is Verdict.ASK


async def test_a_dead_disk_is_a_matter_of_one_run(project: Path, dead: str) -> None:
    ill = Locator()
    for _ in range(4):
        (event,) = await located(asked(dead), by=ill)
        assert not event.request.located
    (event,) = await located(asked(f"{project}/here"))
    assert event.request.located


async def test_one_request_and_one_path_are_followed_alike(project: Path) -> None:
    link = str(project / "out" / "f")
    request = await Locator().follow(asked(link).request)
    assert ([place.path for place in request.locations], request.located) == (["/etc/f"], True)
    assert await Locator().real(link) == "/etc/f"
    assert await Locator().real("a\0b") == "a\0b"
