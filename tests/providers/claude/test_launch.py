from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs

from jelmored.config.providers import ClaudeSettings
from jelmored.domain.ids import SessionId
from jelmored.domain.mcp import StdioServer
from jelmored.domain.permissions import PermissionMode, Rule, Verdict
from jelmored.domain.sessions import NativeOrigin
from jelmored.providers.base import SessionConfig
from jelmored.providers.claude.launch import STREAMING, Launch, launch_of, own_environment


def launched(settings: ClaudeSettings | None = None, **config: Any) -> Launch:
    wanted = SessionConfig(session_id=SessionId("ses_1"), cwd="/work", **config)
    return launch_of("claude", settings or ClaudeSettings(), wanted, env={"HOME": "/home/u"})


def option(launch: Launch, name: str) -> list[str]:
    return [launch.argv[place + 1] for place, word in enumerate(launch.argv) if word == name]


def test_a_new_conversation_has_an_id_of_ours() -> None:
    launch = launched()
    assert launch.argv[: len(STREAMING) + 1] == ("claude", *STREAMING)
    assert option(launch, "--session-id") == [launch.native_id]
    assert UUID(launch.native_id).version == 4
    assert launch.native_id != launched().native_id
    assert launch.transcript is None
    assert not option(launch, "--resume")


def test_a_resumed_one_keeps_its_id_and_has_to_be_there() -> None:
    launch = launched(native_id="native-1")
    assert option(launch, "--resume") == [launch.native_id] == ["native-1"]
    assert not option(launch, "--session-id")
    assert launch.transcript is not None
    assert launch.transcript.projects == "/home/u/.claude/projects"


def test_a_fork_has_a_new_id_and_its_origin_has_to_be_there() -> None:
    launch = launched(origin=NativeOrigin(native_id="native-1", at="uuid-7"))
    assert option(launch, "--resume") == ["native-1"]
    assert "--fork-session" in launch.argv
    assert option(launch, "--session-id") == [launch.native_id] != ["native-1"]
    assert option(launch, "--resume-session-at") == ["uuid-7"]
    assert launch.transcript is not None
    assert launch.transcript.native_id == "native-1"
    assert not option(launched(origin=NativeOrigin(native_id="native-1")), "--resume-session-at")


def test_what_is_told_later_is_kept() -> None:
    rule = Rule(tool_name="Bash", verdict=Verdict.DENY)
    servers = {"a": StdioServer(command="srv", env={"TOKEN": "secret"})}
    launch = launched(permission_mode=PermissionMode.DENY, rules=(rule,), mcp_servers=servers)
    assert (launch.permission_mode, launch.rules, launch.mcp_servers) == (PermissionMode.DENY, (rule,), servers)
    assert launch.plans == "/home/u/.claude/plans"
    assert "srv" not in launch.argv
    assert "secret" not in repr(launch)
    assert launched(ClaudeSettings(default_model="haiku")).default_model == "haiku"


def test_the_model_is_always_given() -> None:
    assert option(launched(native_id="native-1"), "--model") == ["default"]
    assert option(launched(ClaudeSettings(default_model="haiku")), "--model") == ["haiku"]
    assert option(launched(model="sonnet"), "--model") == ["sonnet"]
    assert option(launched(ClaudeSettings(default_model=""), model=""), "--model") == ["default"]


def test_only_plan_is_a_mode_of_claudes_own() -> None:
    for mode in PermissionMode:
        expected = "plan" if mode is PermissionMode.PLAN else "default"
        assert option(launched(permission_mode=mode), "--permission-mode") == [expected]


def test_directories_turns_and_settings() -> None:
    launch = launched(directories=("/a", "/b"), max_turns=3)
    assert option(launch, "--add-dir") == ["/a", "/b"]
    assert option(launch, "--max-turns") == ["3"]
    assert option(launch, "--setting-sources") == ["user"]
    assert option(launched(ClaudeSettings(max_turns=5)), "--max-turns") == ["5"]
    assert not option(launched(), "--max-turns")
    assert option(launched(ClaudeSettings(setting_sources=())), "--setting-sources") == [""]


def test_what_is_private_is_not_in_the_arguments() -> None:
    launch = launched(system_prompt="our secret way")
    assert launch.system_prompt == "our secret way"
    assert "secret" not in " ".join(launch.argv)
    assert "secret" not in repr(launch)
    assert "SECRET" not in repr(attrs.evolve(launch, env={"KEY": "SECRET"}))


def test_the_environment_of_the_provider_wins() -> None:
    env = own_environment(ClaudeSettings(max_retries=4, environment={"DISABLE_TELEMETRY": "0", "A": "b"}))
    assert env["CLAUDE_CODE_MAX_RETRIES"] == "4"
    assert env["CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS"] == "1"
    assert (env["DISABLE_TELEMETRY"], env["A"]) == ("0", "b")
