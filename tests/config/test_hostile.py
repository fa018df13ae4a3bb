"""Whatever stands in files, in the environment and in flags: settings come of it, or faults that name their place."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jelmored.config.environment import SHORT, regular
from jelmored.config.settings import Settings
from jelmored.config.sources import Sources
from jelmored.errors import ConfigError

SECONDS = 5.0
"""For one reading; a busy machine takes its time."""
PLACES = ("c.toml", "c.json", "JELMORE_", "--set", "configuration", "environment")

_KEYS = st.sampled_from([
    *("default_provider", "max_total_sessions", "sessions", "hibernate_after", "failover", "order", "return"),
    *("providers", "claude", "opencode", "demo", "work", "type", "environment", "opencode_config", "extra_models"),
    *("notify", "command", "webhook", "control", "allowed_origins", "allow_users", "tcp", "name"),
    *("api_key", "permission_mode", "env", "file"),
    *("credential", "a b", "\u00e9", "", "\x00", "\ud7ff"),
])  # fmt: skip
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["claude", "ask", "http://[", "https://h/x", "/dev/null", "~nobody-of-this-name/x", "sh", "\x00"])
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=6), inner, max_size=5),
    max_leaves=25,
)
_LINES = st.sampled_from([
    *("[providers.claude]", "[[providers]]", "[sessions]", "[providers.claude.environment]", "A = '''", "x = \"\"\""),
    *("hibernate_after = 1", "type = 'demo'", "order = [", "]", "}", "a = {", "'''", '"""', "# c", "a.b.c = 1", "= 1"),
    *("webhook = { env = 'HOME' }", "api_key = { file = '/dev/null' }", "max_total_sessions = nan", "a = 1979-05-27"),
])  # fmt: skip
_NAMES = st.sampled_from([*regular(), *SHORT]) | st.builds(
    lambda parts: "JELMORE_" + "__".join(parts),
    st.lists(st.sampled_from(["PROVIDERS", "CLAUDE", "NEW", "ENVIRONMENT", "TYPE", "A", "", "\udcff"]), max_size=5),
)
_VALUES = st.text(st.characters(exclude_characters="\0", categories=None), max_size=20) | st.sampled_from([
    "1",
    "yes",
    "[1]",
    "{a=1}",
    '{"env": "HOME"}',
    "9" * 5000,
    "[" * 3000,
    "nan",
    "demo",
])


def _read(
    content: bytes = b"", name: str = "c.toml", environ: Mapping[str, str] = {}, flags: Sequence[str] = ()
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, name)
        file.write_bytes(content)
        began = time.monotonic()
        try:
            assert isinstance(Sources(config=file, environ=environ, flags=flags).read().settings, Settings)
        except ConfigError as error:
            told = [fault.removeprefix(f"{directory}/") for fault in error.faults]
            assert told
            assert all(fault.startswith(PLACES) and ": " in fault and "\n" not in fault for fault in told)
            orjson.dumps(told)  # a reload tells them to its client
        assert time.monotonic() - began < SECONDS


@given(st.binary(max_size=200) | st.lists(_LINES, max_size=12).map(lambda lines: "\n".join(lines).encode()))
@example(b"a = " + b"[" * 100_000)
@example(b"a" + b".a" * 500 + b" = 1")
@example(b'"\\n" = 1\n"a\\u0000" = 2')
@example(b"providers.'\\n' = 1")
@example(b"[providers.opencode.opencode_config]\nx = 99999999999999999999999")
@example(b"x = '''" + b"'" * 50_000)
def test_toml(content: bytes) -> None:
    _read(content)


@given(_TREES.map(lambda tree: json.dumps(tree).encode()) | st.binary(max_size=99))
@example(b"[" * 100_000)
@example(b'{"a": ' * 1000 + b"1" + b"}" * 1000)
@example(b'{"\\ud800": 1}')
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_json(content: bytes) -> None:
    _read(content, "c.json")


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_environment(environ: dict[str, str]) -> None:
    _read(environ=environ)


@given(
    st.lists(
        st.text(max_size=20)
        | st.builds("{}={}".format, st.sampled_from([*map(".".join, regular().values())]), _VALUES),
        max_size=4,
    )
)
def test_flags(flags: list[str]) -> None:
    _read(flags=flags)


def test_the_check_itself_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jelmored.config.sources.settled", lambda *_: next(iter(())))

    with pytest.raises(StopIteration):
        _read()
