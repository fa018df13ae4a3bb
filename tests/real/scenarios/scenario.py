"""A scenario: a capture, what the model says in it, and in what surroundings; and how it is played."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from tests.real import agents, model_server
from tests.real.daemon import Place, new_place
from tests.real.model_server import ModelServer
from tests.real.script import Answer, Line, Script, when

from .answers import answers, counted, tokens_of
from .capture import Capture, captured
from .cues import cues
from .names import Names
from .performance import EXIT_SECONDS, LANDMARK_SECONDS, Performance

AS_THE_DAEMON = {"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1"}  # where a capture has no `env_extra`
PAUSE = 3.0  # s, the longest that is made of a pause in a capture


@attrs.frozen(kw_only=True)
class Scenario:
    """One row of the table.

    Args:
        name: the capture's.
        capture: what is driven and compared; the one of this name if there is none.
        lines: all that the model says; what the capture shows of it if there are none.
        inserted: lines that the capture doesn't show, by their place among its answers.
        beside: what the model says to a subagent that works beside the main conversation, by words of its prompt: who
            of the two asks first is by chance.
        environment: beside `env_extra` of the capture; None takes a variable away.
        setup: makes what the project's directory must hold.
        before: played in the same place before it.
        learned: what the capture calls the answers of those before, by the uuids of their lines.
        varies: patterns of text that is another each time.
        race: why the order of lines is by chance; then they are compared in any order.
        chance: patterns of lines that may be there or not, by that race.
        pause: the longest pause, in seconds.
        silence: the longest time without the line that is waited for, in seconds.
        patience: seconds that it may take to end.
        deaf: the model's port refuses.
        root: the CLI must think that it runs as root.
    """

    name: str
    capture: Capture | None = None
    lines: tuple[Line, ...] = ()
    inserted: Mapping[int, Line] = attrs.field(factory=dict)
    beside: Mapping[str, tuple[Line, ...]] = attrs.field(factory=dict)
    environment: Mapping[str, str | None] = attrs.field(factory=dict)
    setup: Callable[[Path], None] = lambda project: None
    before: tuple[Scenario, ...] = ()
    learned: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    race: str = ""
    chance: tuple[str, ...] = ()
    pause: float = PAUSE
    silence: float = LANDMARK_SECONDS
    patience: float = EXIT_SECONDS
    deaf: bool = False
    root: bool = False

    @property
    def expected(self) -> Capture:
        return self.capture or captured(self.name)

    def script(self, capture: Capture) -> Script:
        """What the model says, one line for each call; the last one for ever after."""
        tokens = tokens_of(capture)
        said: list[Line] = [_counted(line, tokens) for line in self.lines] or list(answers(capture))
        for place, line in sorted(self.inserted.items()):
            said.insert(place, _counted(line, tokens))
        beside = (when(words, *(_counted(line, tokens) for line in lines)) for words, lines in self.beside.items())
        return Script(*beside, when("", *(said or [Answer(())])))


def _counted(line: Line, tokens: tuple[int, int]) -> Line:
    return counted(line, tokens) if isinstance(line, Answer) else line


async def play(scenario: Scenario) -> Capture:
    """What the CLI that is installed makes of it, in the names of the captures."""
    async with new_place() as place, model_server.serving(Script()) as model:
        project = place.home / "user" / "project"
        for directory in (project, project.parent.with_name("tmp"), project.with_name("other")):
            directory.mkdir(parents=True)
        scenario.setup(project)
        known: dict[str, str] = {}
        for earlier in scenario.before:
            known |= zip(scenario.learned, _uuids(await _perform(earlier, place, model, {})), strict=False)
        return await _perform(scenario, place, model, known)


def _uuids(lived: Capture) -> Iterator[str]:
    return (entry.message["uuid"] for entry in lived.of("out") if entry.kind == "assistant")


async def _perform(scenario: Scenario, place: Place, model: ModelServer, known: Mapping[str, str]) -> Capture:
    with _door(scenario, model) as url:
        names = Names(place.root, url.rpartition(":")[2], known)
        capture = scenario.expected.renamed(names.here)
        model.script = scenario.script(capture)
        process = await _start(scenario, capture.start, dict(_environment(scenario, capture, place, url)))
        performance = Performance(process, names, place, capture, scenario.silence)
        lived = await performance.run(cues(capture, scenario.pause), scenario.patience)
        return Capture((scenario.expected.entries[0], *lived.entries))


@contextmanager
def _door(scenario: Scenario, model: ModelServer) -> Iterator[str]:
    if scenario.deaf:
        with model_server.refusing() as url:
            yield url
    else:
        yield model.url


async def _start(scenario: Scenario, start: Mapping[str, Any], environment: Mapping[str, str]) -> trio.Process:
    as_root = ("unshare", "--map-root-user") if scenario.root and os.geteuid() else ()
    process: trio.Process = await trio.lowlevel.open_process(
        [*as_root, str(agents.claude()), *start["argv"][1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=start["cwd"],
        env=environment,
        start_new_session=True,
    )
    return process


def _environment(scenario: Scenario, capture: Capture, place: Place, url: str) -> Iterator[tuple[str, str]]:
    marker, _, value = place.marker.partition("=")
    chosen: dict[str, str | None] = {
        **agents.environment(place.home / "user", url),
        "ANTHROPIC_API_KEY": "DUMMY",
        "SHELL": "/bin/bash",
        "LANG": "C",
        "CLAUDE_CODE_TMPDIR": str(place.root / "tmp"),
        marker: value,
        **capture.start.get("env_extra", AS_THE_DAEMON),
        **scenario.environment,
    }
    return ((name, value) for name, value in chosen.items() if value is not None)
