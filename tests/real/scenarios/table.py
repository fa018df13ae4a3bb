"""How each capture is driven: by itself, or with what its row says."""

from __future__ import annotations

import platform
import re
import signal

import attrs

from tests.providers.claude.replay import CAPTURES
from tests.real.script import (
    SUBSCRIPTION_NEARLY_SPENT,
    SUBSCRIPTION_SPENT,
    Answer,
    Fault,
    Silence,
    Text,
    breaks,
    fails,
    refuses,
    says,
    uses,
)

from .answers import endless
from .capture import Capture, captured
from .earlier import conversation
from .places import holding, media, repository, together
from .scenario import Scenario

HOST = re.escape(platform.node())
RETRIES = {"CLAUDE_CODE_MAX_RETRIES": "2"}
WITH_SUB = holding("sub/")
SLEEP = uses("Bash", command="sleep 61.5")
BASH = ("--allowedTools", "Bash")
OLD = "12345678-1234-4234-8234-123456789abc"
TWO_ANSWERS = conversation("df7fe273-a3e6-4a43-b5b6-be8a73fda7e2", "one", "two")

_429 = fails(429, "fake rate_limit_error")
_500 = fails(500, "fake api_error")
_529 = fails(529, "fake overloaded_error")
_401 = fails(401, "fake authentication_error")

SPENT = attrs.evolve(SUBSCRIPTION_SPENT, message="fake rate_limit_error")
SPENT_FOR_A_SECOND = attrs.evolve(SPENT, headers=(*SPENT.headers, ("retry-after", "1")))


def shortened(name: str) -> Capture:
    """As it is with two retries."""
    retries = {"max_retries": 2}
    entries = (
        attrs.evolve(entry, message=entry.message | retries) if entry.kind == "system/api_retry" else entry
        for entry in captured(name).entries
        if entry.kind != "system/api_retry" or entry.message["attempt"] <= 2
    )
    return Capture(tuple(entries))


def until_stalled() -> Capture:
    """Until nothing comes any more."""
    entries = captured("err_stream_stall").entries
    last = max(at for at, entry in enumerate(entries) if entry.kind == "stream_event/content_block_delta")
    return Capture(entries[: last + 1])


ROWS = (
    # a project that holds something
    Scenario(name="add_dir", setup=WITH_SUB),
    Scenario(name="cd_hooks", setup=WITH_SUB),
    Scenario(name="cwd_in_turn", setup=WITH_SUB),
    Scenario(name="settings_hooks", setup=WITH_SUB),
    Scenario(
        name="hooks",
        setup=together(repository, holding(f="hello")),
        inserted={13: says("inner done"), 24: says("inner done")},
        race="two tools are asked about at once",
    ),
    Scenario(name="edits", setup=holding(e="one\ntwo\nthree\n")),
    Scenario(name="multimodal", setup=media),
    Scenario(
        name="permissions",
        setup=holding("foo/", "a.txt", "bad", "bad2", "new.txt", "new2.txt"),
        varies=(rf"\b(?:host|{HOST})\b",),
    ),
    Scenario(
        name="what_prompts_default_mode",
        setup=holding("in.txt"),
        race="two answers come at once: does it say after each that it runs?",
        chance=('"state": "running"',),
    ),
    Scenario(name="worktree_cwd", setup=repository),
    # the server counts tokens in its own way
    Scenario(name="slash_context", varies=(r"\d[\d.k%]*",)),
    # answers that the capture does not show
    Scenario(name="compact_clear", inserted={2: says("<summary>SUMMARY</summary>")}, varies=(r"became \d+",)),
    Scenario(name="empty_response", inserted={0: Answer(())}),
    Scenario(name="stop_max_tokens", lines=(Answer((Text("cut"),), stop_reason="max_tokens"), says("more"))),
    Scenario(name="stop_refusal", lines=(refuses(),)),
    Scenario(name="subagent", inserted={2: says("sub says hi")}),
    # the model's server fails
    Scenario(name="err_400", lines=(fails(400, "prompt is too long: 300000 tokens > 200000 maximum"),)),
    Scenario(name="err_400_credit", lines=(fails(400, "Your credit balance is too low to access the Anthropic API."),)),
    Scenario(name="err_401", lines=(_401,)),
    Scenario(name="err_403", lines=(fails(403, "fake permission_error"),)),
    Scenario(name="err_404_model", lines=(fails(404, "model: foo"),)),
    Scenario(name="err_413", lines=(fails(413, "fake request_too_large"),)),
    Scenario(name="err_429_retries2", lines=(fails(429, "fake rate_limit_error", retry_after=1), _429)),
    Scenario(name="err_429_unified", lines=(SPENT_FOR_A_SECOND, SPENT)),
    Scenario(
        name="err_429_default_retries",
        capture=shortened("err_429_default_retries"),
        environment=RETRIES,
        lines=(_429,),
    ),
    Scenario(name="err_500_retries2", lines=(_500,)),
    Scenario(name="err_500_then_ok", inserted={0: _500}),
    Scenario(
        name="err_500_default_retries",
        capture=shortened("err_500_default_retries"),
        environment=RETRIES,
        lines=(_500,),
    ),
    Scenario(name="err_529_default_retries", lines=(_529,)),
    Scenario(name="err_529_retries2", lines=(_529,)),
    Scenario(name="err_529_fallback", lines=(_529,)),
    Scenario(name="err_conn_refused", deaf=True),
    Scenario(name="err_cut_headers", lines=(Silence.HANG_UP,)),
    Scenario(name="err_cut_mid", lines=(breaks(says("partial text here"), Fault.CUT, after=1),)),
    Scenario(
        name="err_garbled",
        lines=(breaks(says("abc"), Fault.GARBLED, after=0),),
        varies=(r"(?<=JSON: ).*", r"(?<=chunk: ).*"),
    ),
    Scenario(name="err_hang_timeout", lines=(Silence.HANG,)),
    Scenario(name="err_sse_error", lines=(breaks(says("abc"), Fault.ERROR, after=0),)),
    Scenario(
        name="err_stream_stall",
        capture=until_stalled(),
        patience=2.0,
        lines=(breaks(says("abc", pieces=3), Fault.STALL, after=1), says("second")),
    ),
    Scenario(name="error_then_recover", inserted={0: _401, 1: _401}),
    Scenario(
        name="rate_limit_oauth",
        environment={"ANTHROPIC_API_KEY": None},
        lines=(attrs.evolve(says("warned"), headers=SUBSCRIPTION_NEARLY_SPENT), SUBSCRIPTION_SPENT),
    ),
    Scenario(name="not_logged_in", environment={"ANTHROPIC_API_KEY": None}),
    # it is told more by its environment than the capture says
    Scenario(name="todos", environment={"CLAUDE_CODE_ENABLE_TASKS": "0"}),
    # it asks who it is
    Scenario(name="skip_perms_root", root=True),
    Scenario(name="skip_perms_root_sandbox", root=True),
    # it does two things at once
    Scenario(
        name="background_agent_asks_late",
        race="a subagent goes on beside the main answer",
        lines=(
            uses(
                "Agent",
                description="later",
                prompt="late inner",
                subagent_type="general-purpose",
                run_in_background=True,
            ),
            says("launched", pace=0.3),  # the subagent's first tool runs by then
            says("ok"),
        ),
        beside={
            "late inner": (
                uses("Bash", command="sleep 2.5"),
                uses("Bash", command="touch late"),
                says("late done", pace=0.3),  # the CLI has said by then that it is idle
            )
        },
    ),
    # it is stopped while it waits for the model
    Scenario(name="interrupt_during_hang", inserted={0: Silence.HANG}),
    Scenario(name="interrupt_during_retry", lines=(_500,), pause=1.0),
    Scenario(name="steer", varies=(r"\bab[a-h]*\b",)),  # how much of an answer came before it was stopped
    Scenario(
        name="interrupt_thinking",
        inserted={2: endless("s")},
        race="a prompt and an interrupt are sent at once: how far is the turn when the CLI answers?",
    ),
    Scenario(name="signal_sigterm_stream", lines=(endless("z"),)),
    Scenario(
        name="eof_mid_tool_finishes",
        race="the tool ends just when it has run for so long that it becomes a task",
        chance=("task_",),
    ),
    Scenario(
        name="sigterm_tool_after_5s",
        race="the end of the tool is for the model: how far does that come before the process ends?",
        chance=('"stopped"', "Exit code 137", '"n"', "TurnOver", '"context": {"window"'),
    ),
    Scenario(
        name="sigterm_with_background_task",
        race="the end of the task begins a turn: how far does it come before the process ends?",
        chance=('"stopped"', "init", '"ok"', "task-notification", "TurnBegan", "origin"),
    ),
    Scenario(name="signal_eof_tool", patience=6.0),
    # a conversation came before
    Scenario(name="continue_same_cwd", before=(conversation(OLD, "first words"),)),
    Scenario(name="fork", before=(conversation(OLD, "first words"),)),
    Scenario(name="fork_with_id", before=(conversation(OLD, "first words"),)),
    Scenario(
        name="fork_at",
        before=(conversation("7fcab780-ea0a-49d6-a857-508bfe9fa03d", "one", "two"),),
        learned=("b7b810fa-4e43-4335-a618-111d2544e7e0",),
    ),
    Scenario(name="fork_at_nothing", before=(conversation("7fcab780-ea0a-49d6-a857-508bfe9fa03d", "one", "two"),)),
    Scenario(name="no_persist_resume", before=(Scenario(name="no_persist"),)),
    Scenario(name="resume_other_cwd", before=(conversation(OLD, "first words"),)),
    Scenario(name="resume_replay", before=(conversation(OLD, "first words"),)),
    Scenario(name="resume_same_cwd", before=(Scenario(name="session_new"),)),
    Scenario(name="session_id_reused", before=(Scenario(name="session_new"),)),
    Scenario(name="resume_session_at", before=(TWO_ANSWERS,), learned=("300b32a3-8bab-4e40-8a9a-e2acff8c22fe",)),
    Scenario(name="resume_session_at_bad", before=(TWO_ANSWERS,)),
    Scenario(name="resume_never_used", before=(conversation("adfbceaa-6d24-421e-a674-845500c98db9"),)),
    Scenario(name="resume_after_kill9_mid_tool", before=(Scenario(name="kill9_mid_tool"),)),
    Scenario(
        name="resume_after_kill9_mid_stream",
        before=(
            conversation(
                "6df650eb-94e2-49fa-8111-746997b373c5",
                "tell me",
                lines=(endless("z"),),
                killed=signal.SIGKILL,
                after="system/init",
            ),
        ),
    ),
    Scenario(
        name="resume_after_sigterm",
        before=(
            conversation(
                "87f0f36f-8f26-4fe8-b08b-8836e433f3d6",
                "T1",
                lines=(SLEEP,),
                options=BASH,
                killed=signal.SIGTERM,
                after="assistant",
            ),
        ),
    ),
    Scenario(
        name="resume_background_task_lost",
        race="is its own turn over before it answers?",
        chance=("session_state_changed", "TurnBegan", "TurnOver"),
        before=(
            conversation(
                "dccf8a22-2060-450c-a6fd-7e81fe51d2f4",
                "T1",
                lines=(uses("Bash", command="sleep 30", run_in_background=True), says("after tool")),
                options=BASH,
                killed=signal.SIGKILL,
            ),
        ),
    ),
)
"""The captures that need to be told something."""

APART = {
    "background_agent_asks": "a subagent in the background and the main answer ask the model in an order of chance",
    "subagents_at_once": "two subagents ask the model in an order of chance",
    "plan_file": "the model must name the file that the CLI has named by chance",
    "mcp_set_servers": "it needs the program of an MCP server, which the capture does not have",
}
"""Captures that can't be driven by a row of answers, and why. test_claude_subagents, test_claude_planning and
test_claude_servers have such things with scripts of their own."""

SCENARIOS = {name: Scenario(name=name) for name in CAPTURES if name not in APART} | {row.name: row for row in ROWS}
"""Each capture, as CI drives it."""

MINUTES = 330.0
SOAK = {
    name: attrs.evolve(SCENARIOS[name], capture=None, environment={}, pause=MINUTES, silence=MINUTES)
    for name in (
        "err_429_default_retries",
        "err_500_default_retries",
        "err_stream_stall",
        "what_prompts_default_mode",
    )
}
"""Those that take minutes, as they were captured: CI drives them with two retries, and no longer than it stalls."""
