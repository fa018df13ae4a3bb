from __future__ import annotations

from typing import Any

import attrs
import pytest

from jelmored.domain.ids import RequestId
from jelmored.domain.permissions import Location, PermissionRequest, Question, QuestionOption, ToolKind
from jelmored.providers.base import Asked, Withdrawn
from jelmored.providers.opencode.asking import Asking, answers_of, request_of
from jelmored.providers.opencode.messages import Choice, QuestionAsked, QuestionInfo, ToolCall

from .values import ROOT, message, permission, tool

STEP = message(1)
BASH = tool("prt_1", "bash", "running", {"command": "ls", "timeout": 9}, of=STEP)
PENDING = tool("prt_1", "bash", "pending", of=STEP)
PER_1 = RequestId("per_1")

QUESTION = QuestionAsked(
    id="que_1",
    session_id=ROOT,
    questions=(
        QuestionInfo(question="Which?", header="W", options=(Choice(label="a", description="b"),), multiple=True),
        QuestionInfo(question="Why?", options=(Choice(label="c"),)),
    ),
)


def test_a_command() -> None:
    ask = permission("bash", BASH, patterns=("ls",), metadata={"command": "ls"})
    assert request_of(ask, BASH, "/work") == PermissionRequest(
        request_id=PER_1,
        tool_name="bash",
        kind=ToolKind.EXECUTE,
        title="bash: ls",
        input={"command": "ls", "timeout": 9},
        tool_use_id="prt_1",  # type: ignore[arg-type]
        command="ls",
        located=False,
    )


def test_an_edit_has_its_place_and_its_change() -> None:
    part = tool("prt_1", "write", "running", {"filePath": "a.txt", "content": "x"}, of=STEP)
    request = request_of(permission("edit", part, metadata={"filepath": "/work/a.txt"}), part, "/work")
    assert (request.kind, request.locations) == (ToolKind.EDIT, (Location(path="/work/a.txt"),))
    assert [diff.new_text for diff in request.diffs] == ["x"]
    assert not request.guarded


def test_a_patch_has_the_places_of_all_its_files() -> None:
    part = tool("prt_1", "apply_patch", "running", {"patchText": "…"}, of=STEP)
    files = [{"filePath": "/work/a"}, {"filePath": "b", "movePath": "/etc/c"}, 7]
    request = request_of(permission("edit", part, metadata={"files": files, "filepath": "a, b"}), part, "/work")
    assert [place.path for place in request.locations] == ["/work/a", "/work/b", "/etc/c"]


def test_an_edit_that_does_not_say_where_is_none_that_is_allowed_unseen() -> None:
    part = tool("prt_1", "apply_patch", "running", {"patchText": "…"}, of=STEP)
    request = request_of(permission("edit", part, patterns=("a.txt",)), part, "/work")
    assert (request.kind, request.locations) == (ToolKind.OTHER, ())


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"patterns": ("/etc/*",), "metadata": {"filepath": "/etc/hostname"}}, ["/etc/hostname"]),
        ({"patterns": ("/etc/*", "/srv/x/*", "up/*")}, ["/etc", "/srv/x"]),
        ({"patterns": ("/*",)}, ["/"]),
    ],
)
def test_what_leaves_the_directory_is_guarded_and_says_where_to(fields: dict[str, Any], paths: list[str]) -> None:
    request = request_of(permission("external_directory", BASH, **fields), BASH, "/work")
    assert request.guarded
    assert [place.path for place in request.locations] == paths


def test_the_same_over_and_over_is_guarded() -> None:
    assert request_of(permission("doom_loop", BASH), BASH, "/work").guarded


def test_questions() -> None:
    request = request_of(QUESTION, None, "/work")
    assert (request.title, request.kind) == ("Which? (and 1 more)", ToolKind.THINK)
    assert request.questions == (
        Question(
            id="q1",
            header="W",
            question="Which?",
            options=(QuestionOption(label="a", description="b"),),
            multi_select=True,
        ),
        Question(id="q2", header="", question="Why?", options=(QuestionOption(label="c"),)),
    )


def test_answers_are_given_in_the_order_of_the_questions() -> None:
    assert answers_of(QUESTION, {"q2": ("c", "d"), "q9": ("x",)}) == [[], ["c", "d"]]


def test_a_request_is_told_when_its_tool_has_told_its_input() -> None:
    asking, ask = Asking("/work"), permission("bash", BASH)
    assert asking.ask(ask, PENDING) == []
    assert asking.told(attrs.evolve(BASH, call_id="another")) == []
    [told] = asking.told(BASH)
    assert isinstance(told, Asked)
    assert told.request.input == BASH.state.input
    assert asking.told(BASH) == []
    assert asking.ask(ask, BASH) == []


def test_a_request_of_a_tool_that_nobody_knows_is_told_at_once() -> None:
    [told] = Asking("/work").ask(permission("bash", metadata={"command": "ls"}), None)
    assert isinstance(told, Asked)
    assert (told.request.tool_name, told.request.command, told.request.input) == ("bash", "ls", {"command": "ls"})


def test_an_answer_is_given_once_and_no_longer_withdrawn() -> None:
    asking, ask = Asking("/work"), permission("bash", BASH)
    asking.ask(ask, BASH)
    assert asking.answer(PER_1) is ask
    assert asking.answer(PER_1) is None
    assert asking.withdraw(PER_1) == []
    assert asking.ask(ask, BASH) == []


def test_what_somebody_else_settled_is_withdrawn() -> None:
    asking = Asking("/work")
    asking.ask(permission("bash", BASH), BASH)
    asking.ask(QUESTION, None)
    assert asking.withdraw_all_but([QUESTION]) == [Withdrawn(PER_1)]
    assert asking.withdraw(RequestId("que_1")) == [Withdrawn(RequestId("que_1"))]


def test_one_that_was_never_told_is_withdrawn_silently() -> None:
    asking = Asking("/work")
    asking.ask(attrs.evolve(permission("bash"), tool=ToolCall(message_id=STEP.id, call_id=BASH.call_id)), PENDING)
    assert asking.turn_over() == []
    assert asking.told(BASH) == []
