from __future__ import annotations

from jelmored.domain.ids import ToolUseId
from jelmored.providers.opencode.family import Family

TASK, OTHER = ToolUseId("prt_1"), ToolUseId("prt_2")


def test_a_child_works_for_the_task_that_names_it() -> None:
    family = Family("root")
    family.began("root", TASK)
    family.began("root", OTHER)
    family.born("a", "root")
    family.born("b", "root")
    family.claim("b", "root", TASK)
    family.claim("a", "root", OTHER)
    assert (family.task_of("a"), family.task_of("b"), family.task_of("root")) == (OTHER, TASK, None)


def test_until_it_is_named_it_works_for_the_oldest_task_without_a_child() -> None:
    family = Family("root")
    family.began("root", TASK)
    family.born("a", "root")
    assert family.task_of("a") == TASK
    family.born("b", "root")
    assert family.task_of("b") == "b"


def test_children_of_children_are_ours_and_others_are_not() -> None:
    family = Family("root")
    family.born("a", "root")
    family.born("b", "a")
    family.born("x", "y")
    family.born("z", None)
    family.claim("w", "y", TASK)
    assert family.children == {"a", "b"}
    assert not family.has(None)


def test_a_child_that_is_gone_on_with_is_claimed_anew() -> None:
    family = Family("root")
    family.claim("a", "root", TASK)
    family.born("a", "root")
    family.claim("a", "root", OTHER)
    assert family.task_of("a") == OTHER
