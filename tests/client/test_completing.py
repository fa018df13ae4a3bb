from __future__ import annotations

import argparse

import pytest

from jelmored.client.arguments import command_line
from jelmored.client.completing import Candidate, Offer, offer, options_first
from jelmored.client.operands import Operand


def offered(*words: str) -> Offer:
    return offer(command_line(), words)


def fitting(*words: str) -> list[str]:
    found = offered(*words)
    return [candidate.word for candidate in found.fitting(found.candidates)]


def test_commands_with_what_they_do() -> None:
    found = offered("")
    assert {"run", "attach", "daemon", "completion"} <= {candidate.word for candidate in found.candidates}
    assert Candidate("ls", "the sessions, latest activity first") in found.candidates
    assert fitting("at") == ["attach"]
    assert fitting() == fitting("")


def test_commands_of_a_command() -> None:
    assert fitting("daemon", "") == [
        "start",
        "stop",
        "restart",
        "reload",
        "drain",
        "undrain",
        "install",
        "uninstall",
        "logs",
    ]
    assert fitting("daemon", "logs", "--f") == ["--follow"]


def test_options_where_one_is_begun_or_nothing_else_fits() -> None:
    assert fitting("logs", "--f") == ["--follow"]
    assert fitting("set", "--p") == ["--permission-mode", "--pin"]
    assert {"--json", "--help", "--all"} <= set(fitting("ls", "-"))
    assert "--quiet" in fitting("ls", "")
    assert fitting("ls", "x") == []
    assert "--no-spawn" in fitting("--n")


@pytest.mark.parametrize("words", [("wait", "--for", "i"), ("wait", "--for=i"), ("wait", "--for", "=", "i")])
def test_the_choices_of_an_option_however_it_is_written(words: tuple[str, ...]) -> None:
    before = "--for=" if "--for=i" in words else ""
    assert fitting(*words) == [f"{before}{word}" for word in ("idle", "input")]


def test_nothing_is_typed_yet_after_the_sign_of_bash() -> None:
    assert fitting("wait", "--for", "=") == ["idle", "input"]


@pytest.mark.parametrize(
    ("words", "operand"),
    [
        (("attach", ""), Operand.SESSION),
        (("attach", "one", ""), None),
        (("logs", "-n", ""), None),
        (("logs", "-n", "3", ""), Operand.SESSION),
        (("--json", "logs", ""), Operand.SESSION),
        (("-C", ""), Operand.DIRECTORY),
        (("run", "--directory", ""), Operand.DIRECTORY),
        (("run", "--provider", ""), Operand.PROVIDER),
        (("set", "--model=", ""), Operand.SESSION),
        (("set", "--model="), Operand.MODEL),
        (("approve", "--always", "-m", "why not", ""), Operand.APPROVAL),
        (("rm", "one", ""), Operand.ARCHIVED),
        (("rm", "--", "-"), Operand.ARCHIVED),
        (("daemon", "start", "--config", ""), Operand.FILE),
        (("providers", "--check", "restart", ""), Operand.PROVIDER),
        (("fly", ""), None),
    ],
)
def test_what_stands_for_a_thing(words: tuple[str, ...], operand: Operand | None) -> None:
    assert offered(*words).operand is operand


def test_every_command_and_option_of_the_tree_is_offered() -> None:
    """Of the tree as argparse has it: nobody has to remember completion."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    commands.add_parser("one").add_argument("--new", choices=["a", "b"])
    assert [candidate.word for candidate in offer(parser, [""]).candidates] == ["one"]
    assert [candidate.word for candidate in offer(parser, ["one", "--new", ""]).candidates] == ["a", "b"]
    assert [candidate.word for candidate in offer(parser, ["one", "--"]).candidates] == ["--help", "--new"]


@pytest.mark.parametrize(
    ("line", "sorted_out"),
    [
        ("send docs -f more", "send -f docs more"),
        ("send docs --steer more --json", "send --steer --json docs more"),
        ("logs job -fn 5", "logs -fn 5 job"),
        ("logs job -n5 -f", "logs -n5 -f job"),
        ("set job --perm ask", "set --perm ask job"),
        ("set job --model=x --pin", "set --model=x --pin job"),
        ("-C /w send docs - -f", "-C /w send -f docs -"),
        ("send docs -f -- -f", "send -f -- docs -f"),
        ("daemon logs -f", "daemon logs -f"),
        ("run -m -- x", "run -m -- x"),
        ("", ""),
    ],
)
def test_options_come_before_operands(line: str, sorted_out: str) -> None:
    assert " ".join(options_first(command_line(), line.split())) == sorted_out
