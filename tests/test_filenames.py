"""Who changes a module finds its test by its name: jelmored/x/y.py has tests/x/test_y.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
CODE = TESTS.parent / "jelmored"

ELSEWHERE = {
    "client/commands/test_conversations.py": (
        "client/shell.py",
        "client/terminal/voices.py",
        "client/watching.py",
    ),
    "client/commands/test_daemons.py": ("client/commands/logs.py",),
    "client/terminal/test_transcript.py": (
        "client/terminal/closing.py",
        "client/terminal/labels.py",
        "client/terminal/layout.py",
        "client/terminal/questions.py",
        "client/terminal/speech.py",
    ),
    "client/test_client.py": ("client/errors.py", "client/groups.py", "client/session.py"),
    "client/test_main.py": ("client/arguments.py",),
    "client/test_places.py": ("client/addresses.py",),
    "client/test_starting.py": ("client/finding.py",),
    "client/test_stream.py": (
        "client/connection.py",
        "client/hearing.py",
        "client/known.py",
        "client/link.py",
        "client/outputs.py",
    ),
    "config/test_loading.py": ("config/checks.py",),
    "config/test_secrets.py": ("config/settings.py",),
    "journal/test_sqlite.py": (
        "journal/changes.py",
        "journal/door.py",
        "journal/heads.py",
        "journal/sequence.py",
        "journal/sums.py",
    ),
    "process/test_child.py": ("process/hold.py",),
    "providers/claude/test_normaliser.py": ("providers/claude/messages.py",),
    "providers/demo/test_agent.py": (
        "providers/demo/agent/__main__.py",
        "providers/demo/agent/conversation.py",
        "providers/demo/agent/script.py",
        "providers/demo/agent/transcript.py",
        "providers/demo/agent/voice.py",
    ),
    "sessions/test_directory.py": ("domain/sessions.py", "sessions/roster.py"),
    "sessions/moving/test_importing.py": ("sessions/moving/arriving.py",),
    "sessions/test_session.py": ("sessions/messages.py",),
    "supervision/test_provider.py": ("providers/base.py",),
    "test_cli.py": ("errors.py",),
    "test_daemon.py": ("__main__.py",),
}
"""Modules without a test of their own name, by the test of those who use them. Nothing is added here: a new module
gets its test, and one that has got it leaves."""

LISTED = sorted(module for modules in ELSEWHERE.values() for module in modules)


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_promise(statement: ast.stmt) -> bool:
    """A docstring, `...`, or a `raise` alone: of a function that others fill in."""
    return isinstance(statement, ast.Raise) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def has_logic(module: Path) -> bool:
    """It does something; a module of values and promises has nothing to test."""
    return any(not all(map(is_promise, function.body)) for function in functions(module))


def own_test(module: str) -> Path:
    place = TESTS / module
    return place.with_name(f"test_{place.name}")


@cache
def with_logic() -> list[str]:
    return sorted(str(path.relative_to(CODE)) for path in CODE.rglob("*.py") if has_logic(path))


def test_every_module_has_a_test_of_its_name() -> None:
    modules = with_logic()
    assert "sessions/session.py" in modules
    assert [module for module in modules if not own_test(module).exists() and module not in LISTED] == []


def test_the_list_has_only_what_needs_to_be_there() -> None:
    assert [module for module in LISTED if own_test(module).exists()] == [], "has its own test now"
    assert [module for module in LISTED if module not in with_logic()] == [], "is gone, or has nothing to test"
    assert [test for test in ELSEWHERE if not (TESTS / test).exists()] == [], "no such test"
    assert len(LISTED) == len(set(LISTED))
