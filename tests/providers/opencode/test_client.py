"""The calls of a server, and what its refusals mean."""

from __future__ import annotations

import pytest
import trio

from jelmored.errors import ErrorKind, ProviderError
from jelmored.providers.opencode import client as module
from jelmored.providers.opencode.client import Model, Native, OpencodeClient

from .fake import Says, serving

NATIVE = {"id": "ses_1", "directory": "/w", "title": "t"}


async def test_a_session_is_made_with_a_title_and_rules_in_its_directory() -> None:
    async with serving() as (server, client):
        server.answers["POST /session"] = Says(NATIVE)
        native = await client.create("/w & more", "a title", [{"permission": "*", "pattern": "*", "action": "ask"}])

        assert native == Native("ses_1", "/w")
        (asked,) = server.asked
        assert asked.query == {"directory": "/w & more"}
        assert asked.body["title"] == "a title"


async def test_a_session_that_is_not_there_is_none() -> None:
    async with serving() as (server, client):
        server.answers["GET /session/ses_1"] = Says({"name": "NotFoundError", "data": {"message": "no"}}, 404)

        assert await client.find("ses_1") is None


@pytest.mark.parametrize(
    ("says", "kind", "words"),
    [
        (
            Says({"name": "BadRequest", "data": {"message": "Missing key", "kind": "Payload"}}, 400),
            ErrorKind.INVALID_REQUEST,
            "Missing key",
        ),
        (Says({"_tag": "SessionBusyError", "message": "Session is busy"}, 409), ErrorKind.INVALID_REQUEST, "busy"),
        (
            Says({"name": "UnknownError", "data": {"message": "Unexpected", "ref": "err_1"}}, 500),
            ErrorKind.UNAVAILABLE,
            "Unexpected",
        ),
        (Says({"apiKey": "sk-secret"}, 500), ErrorKind.UNAVAILABLE, "no reason"),
        (Says(b"<html>", 200, "text/html"), ErrorKind.UNAVAILABLE, "no OpenCode server"),
        (Says(b"", 401, "text/plain"), ErrorKind.AUTH_REQUIRED, "password"),
        (Says([], 200), ErrorKind.UNAVAILABLE, "otherwise"),
    ],
)
async def test_a_refusal_has_its_kind_and_the_servers_words_but_no_other_part_of_its_answer(
    says: Says, kind: ErrorKind, words: str
) -> None:
    async with serving() as (server, client):
        server.answers["GET /config/providers"] = says
        with pytest.raises(ProviderError, match=words) as caught:
            await client.providers()

        assert caught.value.kind is kind
        assert "sk-secret" not in f"{caught.value} {caught.value.evidence}"


async def test_a_server_that_has_gone_is_a_crash_for_its_runs_start_again_at_the_next() -> None:
    async with OpencodeClient("http://127.0.0.1:9", None) as client:
        with pytest.raises(ProviderError) as caught:
            await client.version()

    assert caught.value.kind is ErrorKind.AGENT_CRASHED


async def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROMPT", 0.2)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with OpencodeClient(url, None) as client:
        with pytest.raises(ProviderError) as caught:
            await client.prompt("ses_1", {}, "/w")
    await listener.aclose()

    assert caught.value.kind is ErrorKind.UNAVAILABLE


async def test_a_reply_to_what_is_not_asked_any_more_is_nothing() -> None:
    async with serving() as (server, client):
        server.answers["POST /permission/per_1/reply"] = Says({"_tag": "PermissionNotFoundError", "message": "x"}, 404)
        await client.reply("/permission/per_1/reply", {"reply": "once"}, "/w")

        assert server.lines() == ["POST /permission/per_1/reply"]


async def test_the_events_of_a_directory_come_as_they_are_told() -> None:
    async with serving() as (server, client), client.events("/w") as chunks:
        with trio.CancelScope() as enough:
            async for chunk in chunks:
                assert b"server.connected" in chunk
                enough.cancel()

        assert server.asked[0].query == {"directory": "/w"}


async def test_a_page_is_no_stream() -> None:
    async with serving() as (server, client):
        server.answers["GET /event"] = Says(b"<html>", 200, "text/html")
        with pytest.raises(ProviderError, match="no OpenCode server"):
            async with client.events("/w"):
                pass


def test_a_model_is_named_by_its_provider_and_the_rest() -> None:
    assert Model.of("a/b/c").words == {"providerID": "a", "modelID": "b/c"}


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"id": NaN}', b"7"])
async def test_an_answer_that_can_not_be_read_is_told_as_such(body: bytes) -> None:
    async with serving() as (server, client):
        server.answers["POST /session"] = server.answers["GET /global/health"] = Says(body)
        for asking in (client.version(), client.create("/w", "t", [])):
            with pytest.raises(ProviderError) as failed:
                await asking
            assert failed.value.kind is ErrorKind.UNAVAILABLE


async def test_an_answer_that_does_not_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 1000)
    async with serving() as (server, client):
        server.answers["GET /session/ses_1/message"] = Says([{}] * 1000)
        with pytest.raises(ProviderError) as failed:
            await client.messages("ses_1", 5)
        assert failed.value.kind is ErrorKind.UNAVAILABLE
        server.answers["GET /session/ses_1/message"] = Says([{}])
        assert await client.messages("ses_1", 5) == b"[{}]"
