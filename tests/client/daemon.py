"""A small daemon of the tests: it speaks protocol 1 over a real Unix socket, and plays the turns of a script.

What it says is what the protocol page says; it keeps nothing on disk and starts no agent.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import trio
import trio.lowlevel
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

Json = dict[str, Any]
MOMENT = "2026-11-23T10:00:00.000Z"
Script = Callable[["Turn"], Awaitable[None]]


class No(Exception):
    """An error reply."""

    def __init__(self, code: int, kind: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": {"kind": kind, "retryable": False, **data}}


class Interrupted(Exception):
    pass


@attrs.define(eq=False)
class FakeSession:
    daemon: FakeDaemon
    view: Json
    events: list[Json] = attrs.field(factory=list)
    open_items: dict[str, Json] = attrs.field(factory=dict)
    approvals: dict[str, Json] = attrs.field(factory=dict)
    answered: dict[str, trio.Event] = attrs.field(factory=dict)
    answers: dict[str, str] = attrs.field(factory=dict)
    prompts: list[Json] = attrs.field(factory=list)
    tasks: list[Json] = attrs.field(factory=list)
    turn: trio.CancelScope | None = None

    @property
    def id(self) -> str:
        return str(self.view["sessionId"])

    def tell(self, event_type: str, content: str, metadata: Json) -> Json:
        event = {
            "sessionId": self.id,
            "seq": len(self.events) + 1,
            "eventType": event_type,
            "content": content,
            "metadata": metadata,
            "timestamp": MOMENT,
            "turn": self.view["turn"] or None,
            "provider": self.view["provider"],
        }
        self.events.append(event)
        self.view["seq"] = event["seq"]
        if "itemId" in metadata:
            self.open_items.pop(metadata["itemId"], None)
        self.daemon.publish(self.id, "session/event", event)
        return event

    def status(self, to: str) -> None:
        before, self.view["status"] = self.view["status"], to
        self.tell("status_change", f"{before} → {to}", {"from": before, "to": to})
        self.daemon.publish(self.id, "session/changed", {"session": self.view}, key=self.id)

    def delta(self, item_id: str, text: str, kind: str = "text") -> None:
        item = self.open_items.setdefault(item_id, {"itemId": item_id, "kind": kind, "text": ""})
        params = {
            "sessionId": self.id,
            "turn": self.view["turn"],
            "itemId": item_id,
            "afterSeq": len(self.events),
            "kind": kind,
            "offset": len(item["text"]),
            "text": text,
        }
        item["text"] += text
        self.daemon.publish(self.id, "session/delta", params)


@attrs.define(eq=False)
class Turn:
    """What a script does to a session. Every step is a checkpoint."""

    session: FakeSession
    prompt: str
    _count: int = 0

    def _new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self.session.view['turn']}_{self._count}"

    async def says(self, *pieces: str, kind: str = "assistant") -> None:
        item = self._new("itm")
        for piece in pieces:
            self.session.delta(item, piece, "thinking" if kind == "thinking" else "text")
            await trio.sleep(0.001)
        self.session.tell(kind, "".join(pieces), {"itemId": item})

    async def thinks(self, *pieces: str) -> None:
        await self.says(*pieces, kind="thinking")

    async def uses(self, kind: str, name: str, content: str, **more: Any) -> str:
        tool = self._new("toolu")
        metadata = {"toolUseId": tool, "name": name, "kind": kind, "input": {}, **more}
        self.session.tell("tool_use", content, metadata)
        await trio.lowlevel.checkpoint()
        return tool

    async def gets(self, tool: str, content: str, *, is_error: bool = False) -> None:
        self.session.tell("tool_result", content, {"toolUseId": tool, "isError": is_error})
        await trio.lowlevel.checkpoint()

    async def asks(self, tool: str, title: str, **more: Any) -> str:
        """Returns the id of the option that was chosen."""
        approval = approval_of(self.session, self._new(f"apr_{self.session.id[4]}"), title, toolUseId=tool, **more)
        key = approval["approvalId"]
        self.session.approvals[key] = approval
        self.session.answered[key] = trio.Event()
        self.session.view["pendingApprovals"] = len(self.session.approvals)
        self.session.tell("approval_requested", title, approval)
        self.session.status("waiting_input")
        await self.session.answered[key].wait()
        self.session.status("active")
        return self.session.answers[key]

    async def wonders(self, *questions: Json) -> str:
        """Asks what is no permission. Returns what was chosen, by question."""
        title = " ".join(question["question"] for question in questions)
        return await self.asks(self._new("toolu"), title, kind="question", questions=list(questions), options=[])

    async def ends(self, reason: str = "completed", **more: Any) -> None:
        usage = {
            "model": "claude-test-1",
            "inputTokens": 10_000,
            "outputTokens": 1_800,
            "cacheReadTokens": 500,
            "cacheWriteTokens": 45,
            "costUsd": 0.0421,
        }
        self.session.tell("usage", "12345 tokens", usage)
        self.session.tell("turn_ended", reason, {"reason": reason, "durationMs": 8400, **more})
        self.session.view["turn"], turn = 0, self.session.view["turn"]
        self.session.status("idle")
        self.session.view["turn"] = turn
        self.session.open_items.clear()
        await trio.lowlevel.checkpoint()


def approval_of(session: FakeSession, approval_id: str, title: str, **more: Any) -> Json:
    scope = f"this exact command, in this session: {more['command']}" if "command" in more else "Edit in /w"
    options = [
        {"optionId": "allow", "name": "Allow", "kind": "allow_once"},
        {"optionId": "allow-always", "name": "Always allow", "kind": "allow_always", "scope": scope},
        {"optionId": "reject", "name": "Reject", "kind": "reject_once"},
    ]
    return {
        "approvalId": approval_id,
        "sessionId": session.id,
        "turn": session.view["turn"],
        "kind": "permission",
        "title": title,
        "options": options,
        "createdAt": MOMENT,
        "status": "open",
        **more,
    }


def question(key: str, text: str, *labels: str, multi_select: bool = False) -> Json:
    options = [{"label": label} for label in labels]
    return {"id": key, "header": key, "question": text, "options": options, "multiSelect": multi_select}


async def hello(turn: Turn) -> None:
    """The script that is played when a test gives none."""
    await turn.says("Hello, ", "world.")
    await turn.ends()


@attrs.define(eq=False)
class Peer:
    """One connection."""

    socket: WebSocketConnection
    outgoing: trio.MemorySendChannel[Json]
    connection_id: str
    client: str = ""
    subscribed: set[str] = attrs.field(factory=set)

    def send(self, message: Json) -> None:
        try:
            self.outgoing.send_nowait({"jsonrpc": "2.0", **message})
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


@attrs.define(eq=False)
class FakeDaemon:
    """Serves `<runtime>/control.sock`, holds `daemon.lock`, writes `daemon.json`."""

    runtime: Path
    script: Script = hello
    version: int = 1
    sessions: dict[str, FakeSession] = attrs.field(factory=dict)
    peers: set[Peer] = attrs.field(factory=set)
    asked: list[Json] = attrs.field(factory=list)
    breaks_at: set[str] = attrs.field(factory=set)
    """Methods that, the next time, get a broken connection for an answer."""
    providers: dict[str, Json] = attrs.field(factory=lambda: {"claude": {}, "demo": {}})
    """What is said of each beside the usual."""
    imports: dict[str, list[Json]] = attrs.field(factory=dict)
    wants: int = 1
    """The event with which an import begins."""
    past: list[Json] = attrs.field(factory=list)
    """What their agents keep of themselves."""
    connections: int = 0
    draining: bool = False
    faults: list[str] = attrs.field(factory=list)
    """Of its configuration."""
    reloads: Json = attrs.field(factory=dict)
    """What the next reload gives instead."""
    stopped: trio.Event = attrs.field(factory=trio.Event)
    ends_at: str = "daemon/shutdown"
    """The request behind which it is gone; there is no reply to any but a shutdown."""
    _keys: dict[str, Json] = attrs.field(factory=dict)
    _nursery: trio.Nursery = attrs.field(init=False)

    @property
    def socket(self) -> Path:
        return self.runtime / "control.sock"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.runtime.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.runtime / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            async with trio.open_nursery() as self._nursery:
                await self._nursery.start(self._serve)
                self._write_notice()
                task_status.started()
                await self.stopped.wait()
                self._nursery.cancel_scope.cancel()
        finally:
            os.close(lock)

    def add(self, number: int = 1, **more: Any) -> FakeSession:
        """A session whose id begins with a letter of its own."""
        letter = "abcdefghijklmnop"[number - 1]
        view = {
            "sessionId": f"ses_{letter * 4}{'x' * 12}",
            "name": None,
            "title": None,
            "status": "idle",
            "provider": "claude",
            "pin": False,
            "model": "claude-test-1",
            "cwd": "/w",
            "directory": "/w",
            "permissionMode": "ask",
            "createdAt": MOMENT,
            "lastActivity": MOMENT,
            "logId": "log_1",
            "seq": 0,
            "turn": 0,
            "attached": False,
            "subscribers": 0,
            "usage": dict.fromkeys(("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"), 0)
            | {"costUsd": 0.0},
            "pendingApprovals": 0,
            "queuedPrompts": 0,
            "backgroundTasks": 0,
            "limits": {},
            **more,
        }
        session = FakeSession(self, view)
        self.sessions[session.id] = session
        return session

    def publish(self, session_id: str, method: str, params: Json, key: str | None = None) -> None:
        for peer in tuple(self.peers):
            if session_id in peer.subscribed:
                peer.send({"method": method, "params": params})

    async def cut(self) -> None:
        """Every connection breaks, without a goodbye."""
        for peer in tuple(self.peers):
            await trio.aclose_forcefully(peer.socket._stream)

    def _write_notice(self) -> None:
        notice = {
            "version": "0.1.0",
            "pid": os.getpid(),
            "instanceId": "ins_1",
            "socket": str(self.socket),
            "protocolVersions": [1],
        }
        (self.runtime / "daemon.json").write_text(json.dumps(notice))

    async def _serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        self.socket.unlink(missing_ok=True)
        listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listening.bind(str(self.socket))
        listening.listen(16)
        listeners = [trio.SocketListener(listening)]
        await trio.serve_listeners(self._peer, listeners, task_status=task_status)  # type: ignore[arg-type]

    async def _peer(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        try:
            async with trio.open_nursery() as nursery:
                request = await wrap_server_stream(nursery, stream)
                socket = await request.accept(subprotocol="jelmored.v1")
                send, receive = trio.open_memory_channel[Json](10_000)
                peer = Peer(socket, send, f"con_{self.connections}")
                self.peers.add(peer)
                try:
                    nursery.start_soon(self._write, socket, receive)
                    await self._read(peer)
                finally:
                    self.peers.discard(peer)
                    send.close()
                    nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def _write(self, socket: WebSocketConnection, messages: trio.MemoryReceiveChannel[Json]) -> None:
        async for message in messages:
            try:
                await socket.send_message(json.dumps(message))
            except ConnectionClosed:
                return

    async def _read(self, peer: Peer) -> None:
        while True:
            try:
                request = json.loads(await peer.socket.get_message())
            except ConnectionClosed:
                return
            self.asked.append(request)
            if request["method"] == self.ends_at != "daemon/shutdown":
                self.stopped.set()
                return
            if request["method"] in self.breaks_at:
                self.breaks_at.discard(request["method"])
                await self.cut()
                return
            self._answer(peer, request)

    def _answer(self, peer: Peer, request: Json) -> None:
        method = getattr(self, "do_" + request["method"].replace("/", "_"), None)
        try:
            if method is None:
                raise No(-32601, "method-not-found", f"there is no method {request['method']}")
            after = method(peer, request.get("params", {}))
        except No as no:
            peer.send({"id": request["id"], "error": no.error})
            return
        result, then = after if isinstance(after, tuple) else (after, None)
        peer.send({"id": request["id"], "result": result})
        if then:
            then()

    def _session(self, params: Json) -> FakeSession:
        try:
            return self.sessions[params["sessionId"]]
        except KeyError:
            raise No(-32002, "not-found", f"there is no session {params['sessionId']}") from None

    # The methods

    def do_initialize(self, peer: Peer, params: Json) -> Any:
        if params["protocolVersion"] != self.version:
            raise No(1001, "unsupported-protocol", "this daemon speaks another protocol", supported=[self.version])
        peer.client = params["clientInfo"]["name"]
        return {
            "protocolVersion": 1,
            "serverInfo": {"name": "jelmored", "version": "0.1.0"},
            "instanceId": "ins_1",
            "connectionId": peer.connection_id,
            "scope": "admin",
            "limits": {"maxMessageBytes": 16777216},
            "forwardEnv": ["PATH", "EDITOR", "LANG"],
        }

    def do_ping(self, peer: Peer, params: Json) -> Any:
        return {}

    def do_daemon_drain(self, peer: Peer, params: Json) -> Any:
        self.draining = True
        return self.do_daemon_status(peer, params)

    def do_daemon_undrain(self, peer: Peer, params: Json) -> Any:
        self.draining = False
        return self.do_daemon_status(peer, params)

    def do_daemon_reload(self, peer: Peer, params: Json) -> Any:
        if self.faults:
            raise No(1401, "config-invalid", "nothing was changed: " + "; ".join(self.faults), faults=self.faults)
        return {"applied": ["load_balancing"], "nextRun": [], "needsRestart": ["journal.synchronous"]} | self.reloads

    def do_config_get(self, peer: Peer, params: Json) -> Any:
        return {
            "settings": [
                {"key": "load_balancing", "value": True, "origin": "/c.toml:1", "counts": "live"},
                {"key": "providers.claude.environment", "value": {"A": ["é"]}, "origin": "--set", "counts": "next run"},
                {"key": "providers.claude.type", "value": "claude", "origin": "default", "counts": "restart"},
            ]
        }

    def do_daemon_status(self, peer: Peer, params: Json) -> Any:
        return {
            "version": "0.1.0",
            "instanceId": "ins_1",
            "pid": 4711,
            "uptimeSeconds": 93.5,
            "providers": {"claude": "healthy", "demo": "healthy"},
            "sessions": {"idle": len(self.sessions)},
            "runs": 0,
            "connections": len(self.peers),
            "journal": {"ok": True, "bytes": 4096, "lagMs": 0.2},
            "draining": self.draining,
        }

    def do_daemon_shutdown(self, peer: Peer, params: Json) -> Any:
        return {}, self.stopped.set if self.ends_at == "daemon/shutdown" else None

    def _provider(self, name: str) -> Json:
        return {**_provider(name), **self.providers[name]}

    def do_provider_list(self, peer: Peer, params: Json) -> Any:
        return {"providers": [self._provider(name) for name in self.providers]}

    def do_provider_get(self, peer: Peer, params: Json) -> Any:
        return self._provider(params["name"])

    def do_provider_check(self, peer: Peer, params: Json) -> Any:
        return self._provider(params["name"])

    def do_provider_restart(self, peer: Peer, params: Json) -> Any:
        return self._provider(params["name"])

    def do_provider_drain(self, peer: Peer, params: Json) -> Any:
        self.providers[params["name"]]["draining"] = True
        return self._provider(params["name"])

    def do_provider_undrain(self, peer: Peer, params: Json) -> Any:
        self.providers[params["name"]]["draining"] = False
        return self._provider(params["name"])

    def do_provider_pastSessions(self, peer: Peer, params: Json) -> Any:  # noqa: N802
        start = int(params.get("cursor", "0"))
        page = {"sessions": self.past[start : start + 2]}
        return page | ({"nextCursor": str(start + 2)} if start + 2 < len(self.past) else {})

    def do_session_adopt(self, peer: Peer, params: Json) -> Any:
        past = next(one for one in self.past if one["nativeId"] == params["nativeId"])
        if "sessionId" in past:
            return dict(self.sessions[past["sessionId"]].view)
        return dict(self.add(len(self.sessions) + 1, cwd=past["cwd"]).view)

    def do_model_list(self, peer: Peer, params: Json) -> Any:
        model = {
            "name": "claude-test-1",
            "provider": "claude",
            "contextLength": 200000,
            "prices": {"inputPerMTok": 3.0, "outputPerMTok": 15.0},
            "capabilities": ["tools"],
            "equivalents": [],
        }
        return {"models": [model]}

    def do_session_create(self, peer: Peer, params: Json) -> Any:
        key = str(params.get("requestKey"))
        if key in self._keys:
            return self._keys[key]
        if params["cwd"] == "/nowhere":
            raise No(-32602, "invalid-params", "cwd: no such directory", field="cwd", remedy="make it first")
        known = {"name", "title", "provider", "model", "permissionMode"} & params.keys()
        session = self.add(len(self.sessions) + 1, cwd=params["cwd"], **{name: params[name] for name in known})
        if "prompt" in params:
            self._begin(session, _words(params["prompt"]))
        self._keys[key] = dict(session.view)
        return dict(session.view)

    def do_session_get(self, peer: Peer, params: Json) -> Any:
        return self._session(params).view

    def do_session_list(self, peer: Peer, params: Json) -> Any:
        views = [
            session.view
            for session in self.sessions.values()
            if (params.get("includeTerminated") or session.view["status"] != "terminated")
            and params.get("cwd") in (None, session.view["cwd"])
        ]
        views.sort(key=lambda view: view["lastActivity"], reverse=True)
        start = int(params.get("cursor", "0"))
        page = {"sessions": views[start : start + 2]}
        return page | ({"nextCursor": str(start + 2)} if start + 2 < len(views) else {})

    def do_session_prompt(self, peer: Peer, params: Json) -> Any:
        key = str(params.get("requestKey"))
        if key in self._keys:
            return self._keys[key]
        session = self._session(params)
        busy = session.turn is not None
        self._keys[key] = receipt = {
            "promptId": f"prm_{session.view['turn'] + 1 + len(session.prompts)}",
            "disposition": "queued" if busy else "started",
            "seq": len(session.events) + 1,
        }
        if busy:
            by = {"connectionId": peer.connection_id, "client": peer.client}
            steered = params.get("whenBusy") == "steer"
            receipt["disposition"] = "steered" if steered else "queued"
            if not steered:
                session.prompts.append({"promptId": receipt["promptId"], "prompt": _words(params["prompt"]), "by": by})
            note = {"promptId": receipt["promptId"], "disposition": receipt["disposition"], "by": by}
            session.tell("user", _words(params["prompt"]), note)
        else:
            self._begin(session, _words(params["prompt"]))
        return receipt

    def do_session_queue(self, peer: Peer, params: Json) -> Any:
        return {"prompts": self._session(params).prompts}

    def do_session_unqueue(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        session.prompts = [prompt for prompt in session.prompts if prompt["promptId"] != params["promptId"]]
        return {"prompts": session.prompts}

    def do_session_interrupt(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        if session.turn is None or params.get("expectedTurn", session.view["turn"]) != session.view["turn"]:
            return {"interrupted": False}
        for dropped in session.prompts:
            about = {"subtype": "prompt_dropped", "promptId": dropped["promptId"]}
            session.tell("system", f"dropped: {dropped['prompt']}", about)
        session.prompts.clear()
        session.turn.cancel()
        return {"interrupted": True}

    def _state(self, session: FakeSession) -> Json:
        facts = {"sessionId": session.id, "seq": len(session.events), "cwd": session.view["cwd"]}
        return {"format": "jelmore.session-state", "version": 1, "digest": "sha256:0", "facts": facts}

    def do_session_suspend(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        if session.turn is not None:
            raise No(1100, "busy", "a turn runs: its work would be cut", remedy=f"jelmore interrupt {session.id}")
        if session.view["status"] != "suspended":
            session.status("suspended")
        return {"state": self._state(session)}

    def do_session_export(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        return {"state": self._state(session), "head": len(session.events)}

    def do_session_resume(self, peer: Peer, params: Json) -> Any:
        if "state" in params:
            facts = self._facts(params["state"])
            session = self.add(len(self.sessions) + 1, cwd=facts["cwd"], name="came")
        else:
            session = self._session(params)
            if session.view["status"] != "idle":
                session.status("idle")
        session.view["provider"] = params.get("provider", session.view["provider"])
        return session.view

    def do_session_import(self, peer: Peer, params: Json) -> Any:
        if "state" in params:
            facts = self._facts(params["state"])
            self.imports[facts["sessionId"]] = []
            return {"sessionId": facts["sessionId"], "next": self.wants, "head": facts["seq"]}
        events = self.imports[params["sessionId"]]
        events.extend(params.get("events", []))
        if not params.get("last"):
            return {"sessionId": params["sessionId"], "next": len(events) + 1, "head": len(events)}
        session = self.add(len(self.sessions) + 1, name="came", seq=len(events))
        session.events.extend(events)
        return session.view

    def _facts(self, state: Json) -> Json:
        if state.get("digest") != "sha256:0":
            raise No(1105, "state-invalid", "the state is damaged", field="state.digest", remedy="take it again")
        facts: Json = state["facts"]
        return facts

    def do_session_close(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        if session.view["status"] != "terminated":
            session.status("terminated")
        return session.view

    def do_session_configure(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        session.view.update({name: value for name, value in params.items() if name != "sessionId"})
        return session.view

    def do_usage_get(self, peer: Peer, params: Json) -> Any:
        rows: dict[str, Json] = {}
        for session in self.sessions.values():
            view = session.view
            if not view["usage"]["outputTokens"]:
                continue
            keys = {"session": session.id, "provider": view["provider"], "model": "claude-test-1", "day": MOMENT[:10]}
            used = {**view["usage"], "notionalUsd": 0.0, "turns": 1}
            if used.pop("notional", False):
                used["costUsd"], used["notionalUsd"] = 0.0, used["costUsd"]
            row = rows.setdefault(keys[params["by"]], dict.fromkeys(used, 0))
            row.update({name: row[name] + value for name, value in used.items()})
        return {"by": params["by"], "rows": [{"key": key, **row} for key, row in sorted(rows.items())]}

    def do_session_compact(self, peer: Peer, params: Json) -> Any:
        return {"promptId": f"prm_{self._session(params).view['turn'] + 1}"}

    def do_session_fork(self, peer: Peer, params: Json) -> Any:
        origin = self._session(params)
        given = {name: value for name, value in params.items() if name not in {"sessionId", "atSeq"}}
        return self.add(len(self.sessions) + 1, cwd=origin.view["cwd"], **given).view

    def do_session_delete(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        if session.view["status"] != "terminated":
            raise No(1101, "wrong-status", "the session is not closed", remedy=f"jelmore archive {session.id}")
        del self.sessions[session.id]
        return {}

    def do_session_tasks(self, peer: Peer, params: Json) -> Any:
        return {"tasks": self._session(params).tasks}

    def do_session_stopTask(self, peer: Peer, params: Json) -> Any:  # noqa: N802 – the protocol's name
        session = self._session(params)
        left = [task for task in session.tasks if task["taskId"] != params["taskId"]]
        stopped, session.tasks = len(left) < len(session.tasks), left
        return {"stopped": stopped}

    def do_session_history(self, peer: Peer, params: Json) -> Any:
        events = self._session(params).events
        after, before = params.get("after", 0), params.get("before", len(events) + 1)
        found = [event for event in events if after < event["seq"] < before]
        limit = params.get("limit", 500)
        page = found[-limit:] if "before" in params else found[:limit]
        return {"events": page, "hasMore": len(page) < len(found)}

    def do_session_subscribe(self, peer: Peer, params: Json) -> Any:
        session = self._session(params)
        after = params.get("after", "now")
        if params.get("logId", session.view["logId"]) != session.view["logId"]:
            raise No(1002, "cursor-expired", "the log was rebuilt", oldest=1, logId=session.view["logId"])
        head = len(session.events)
        first = {"start": 0, "now": head}.get(str(after), after)

        def replay() -> None:
            peer.subscribed.add(session.id)
            for event in session.events[first:head]:
                peer.send({"method": "session/event", "params": event})
            caught_up = {
                "sessionId": session.id,
                "head": head,
                "openItems": [dict(item) for item in session.open_items.values()],
                "approvals": list(session.approvals.values()),
            }
            peer.send({"method": "session/caughtUp", "params": caught_up})

        return {"logId": session.view["logId"], "head": head, "oldest": 1}, replay

    def do_session_unsubscribe(self, peer: Peer, params: Json) -> Any:
        peer.subscribed.discard(params["sessionId"])
        return {}

    def do_approval_list(self, peer: Peer, params: Json) -> Any:
        wanted = params.get("sessionId")
        sessions = [session for session in self.sessions.values() if wanted in (None, session.id)]
        return {"approvals": [approval for session in sessions for approval in session.approvals.values()]}

    def do_approval_resolve(self, peer: Peer, params: Json) -> Any:
        for session in self.sessions.values():
            if approval := session.approvals.pop(params["approvalId"], None):
                return self._resolve(peer, session, approval, params)
        raise No(1200, "already-resolved", "somebody was faster")

    def _resolve(self, peer: Peer, session: FakeSession, approval: Json, params: Json) -> Json:
        option = params.get("optionId", "answered" if "answers" in params else "reject")
        by = {"kind": "client", "client": peer.client, "connectionId": peer.connection_id, "optionId": option}
        status = "cancelled" if params.get("cancelled") else "resolved"
        approval = approval | {"status": status, "resolvedBy": by}
        if updated := params.get("updatedInput"):
            approval |= {"input": updated} | ({"command": updated["command"]} if "command" in approval else {})
        session.view["pendingApprovals"] = len(session.approvals)
        session.tell("approval_resolved", option, approval)
        session.answers[approval["approvalId"]] = option
        session.answered.pop(approval["approvalId"]).set()
        return approval

    def _begin(self, session: FakeSession, prompt: str, waited: str | None = None) -> None:
        session.turn = trio.CancelScope()
        self._nursery.start_soon(self._play, session, prompt, waited)

    async def _play(self, session: FakeSession, prompt: str, waited: str | None) -> None:
        by = {"connectionId": "con_1", "client": "jelmore"}
        number = session.view["turn"] + 1
        session.view["turn"] = number
        prompt_id = waited or f"prm_{number}"
        if not waited:
            session.tell("user", prompt, {"promptId": prompt_id, "disposition": "started", "by": by})
        session.status("active")
        session.tell("turn_started", "", {"promptId": prompt_id, "origin": "prompt"})
        turn = Turn(session, prompt)
        assert session.turn is not None
        with session.turn as scope:
            await self.script(turn)
        session.turn = None
        if scope.cancelled_caught:
            session.approvals.clear()
            await turn.ends("interrupted", cause="user")
        if session.prompts and session.turn is None:
            following = session.prompts.pop(0)
            self._begin(session, following["prompt"], following["promptId"])


def _words(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    return "\n".join(block.get("text") or f"[{block['type']}]" for block in prompt)


def _provider(name: str) -> Json:
    return {
        "name": name,
        "type": name,
        "health": "healthy" if name == "claude" else "unhealthy",
        **({} if name == "claude" else {"reason": "not logged in", "remedy": "run `claude /login`"}),
        "breaker": "closed",
        "draining": False,
        "version": "2.1.197",
        "capabilities": {},
        "runs": {"active": 1, "max": 10},
        "counters": {"turns": 3, "failures": 0, "failovers": 0, "restarts": 0, "costUsd": 0.5},
    }
