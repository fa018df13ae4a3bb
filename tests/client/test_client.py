from __future__ import annotations

import pytest
import trio

from jelmored.client import Client, Finder, RpcError, open_client
from jelmored.domain.events import EventType
from jelmored.domain.mcp import HttpServer, McpServer, StdioServer
from jelmored.domain.models import Health
from jelmored.domain.status import Status
from jelmored.errors import ErrorKind

from .daemon import FakeDaemon, Turn


async def test_the_daemon_and_what_it_has_are_typed_values(client: Client) -> None:
    await client.ping()
    assert (await client.status()).providers == {"claude": Health.HEALTHY, "demo": Health.HEALTHY}
    assert [provider.name for provider in await client.providers()] == ["claude", "demo"]
    assert (await client.provider("demo")).remedy == "run `claude /login`"
    assert (await client.check_provider("claude")).runs.max == 10
    assert [model.context_length for model in await client.models()] == [200_000]
    assert client.welcome.scope == "admin"


async def test_sessions_are_listed_over_all_pages(client: Client, daemon: FakeDaemon) -> None:
    for number in range(1, 6):
        daemon.add(number, cwd="/w" if number % 2 else "/v", status="terminated" if number == 5 else "idle")
    assert len(await client.sessions()) == 4
    assert len(await client.sessions(include_terminated=True)) == 5
    assert [view.session_id[:8] for view in await client.sessions(cwd="/v")] == ["ses_bbbb", "ses_dddd"]


async def test_a_session_is_created_prompted_and_closed(client: Client, daemon: FakeDaemon) -> None:
    session = await client.create_session("/w", name="first")
    assert (session.view.name, session.view.status) == ("first", Status.IDLE)
    receipt = await session.prompt("hello")
    assert receipt.disposition == "started"
    types = []
    async for output in session.stream_output():
        types.append(output.event_type if hasattr(output, "event_type") else None)
        if types[-1] is EventType.TURN_ENDED:
            break
    page = await session.history(limit=2)
    assert ([event.seq for event in page.events], page.has_more) == ([1, 2], True)
    assert (await session.close()).status is Status.TERMINATED


async def endless(turn: Turn) -> None:
    await trio.sleep_forever()


async def test_a_prompt_waits_in_the_queue_and_is_taken_out(client: Client, daemon: FakeDaemon) -> None:
    daemon.script = endless
    session = await client.create_session("/w", "first")
    receipt = await session.prompt("second")
    assert receipt.disposition == "queued"
    assert [prompt.prompt_id for prompt in await session.queue()] == [receipt.prompt_id]
    assert await session.unqueue(receipt.prompt_id) == ()
    assert await session.interrupt()


async def test_a_refusal_is_typed_and_says_what_to_do(client: Client) -> None:
    with pytest.raises(RpcError) as refused:
        await client.create_session("/nowhere")
    assert refused.value.kind == ErrorKind.INVALID_PARAMS
    assert (refused.value.code, refused.value.data["field"], refused.value.remedy) == (-32602, "cwd", "make it first")
    with pytest.raises(RpcError, match="there is no session"):
        await client.session("ses_none")


async def test_an_approval_is_answered_once(client: Client, daemon: FakeDaemon) -> None:
    chosen = []

    async def script(turn: Turn) -> None:
        tool = await turn.uses("execute", "Bash", "make")
        chosen.append(await turn.asks(tool, "Bash", command="make"))
        await turn.ends()

    daemon.script = script
    session = await client.create_session("/w", "go")
    async for output in session.stream_output():
        if getattr(output, "event_type", None) is EventType.APPROVAL_REQUESTED:
            [approval] = await session.approvals()
            assert (await client.resolve(approval.approval_id, "allow")).resolved_by is not None
            with pytest.raises(RpcError) as late:
                await client.resolve(approval.approval_id, "reject")
            assert late.value.kind == ErrorKind.ALREADY_RESOLVED
        if getattr(output, "event_type", None) is EventType.TURN_ENDED:
            break
    assert chosen == ["allow"]


async def test_what_the_body_raises_comes_out_as_it_is(finder: Finder) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_client(finder=finder):
            raise ZeroDivisionError


async def test_servers_of_tools_are_handed_on(client: Client, daemon: FakeDaemon) -> None:
    servers: dict[str, McpServer] = {
        "files": StdioServer(command="mcp-files", args=("/w",)),
        "web": HttpServer(url="http://127.0.0.1:1/"),
    }
    await client.create_session("/w", mcp_servers=servers)
    assert daemon.asked[-1]["params"]["mcpServers"] == {
        "files": {"command": "mcp-files", "args": ["/w"], "env": {}, "type": "stdio"},
        "web": {"url": "http://127.0.0.1:1/", "headers": {}, "type": "http"},
    }


async def test_a_session_is_changed_forked_and_deleted(client: Client, daemon: FakeDaemon) -> None:
    session = await client.create_session("/w", name="one")
    assert (await session.configure(name="two", pin=True)).name == session.view.name == "two"
    fork = await session.fork(name="three", at_seq=4)
    assert (fork.view.name, fork.cursor, fork.id != session.id) == ("three", 0, True)
    assert await session.tasks() == ()
    assert not await session.stop_task("b1")
    await session.close()
    await session.delete()
    assert list(daemon.sessions) == [fork.id]
