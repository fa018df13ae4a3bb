// A very small editor on jelmored, to learn the protocol from (docs/protocol.md). Node.js 18 and the package `ws`.
//
//     node examples/editor.js PROMPT [PROVIDER [SESSION]]
//
// It works in this directory, and shows the answer as it streams. Type a number, or words, to answer what is asked;
// `= COMMAND` to allow another command instead; `/stop` to interrupt; anything else is said into the turn that runs.

const { randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");
const readline = require("node:readline");
const WebSocket = require("ws");

const [prompt, provider, session] = process.argv.slice(2);
const key = randomUUID(); // a request with a key of ours may be sent again: it takes effect once
const cursor = { sessionId: session, after: "start" }; // how far we have seen the session's log
const shown = new Map(); // how many characters of each text the user has seen
const replies = new Map();
let socket, turn, lastId = 0;
let asking = null; // the approval that is open
let answers = {}; // to its questions, so far

/** A daemon that is ready says where it listens. `jelmore daemon start` starts one. */
function find() {
  const { JELMORE_SOCKET, XDG_RUNTIME_DIR, XDG_STATE_HOME } = process.env;
  const state = join(XDG_STATE_HOME || join(homedir(), ".local/state"), "jelmored");
  const runtime = XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, "jelmored") : join(state, "run");
  return JELMORE_SOCKET || JSON.parse(readFileSync(join(runtime, "daemon.json"), "utf8")).socket;
}

function connect() {
  socket = new WebSocket(`ws+unix://${find()}:/v1`, ["jelmored.v1"], { perMessageDeflate: false });
  socket.on("message", (frame) => heard(JSON.parse(frame)));
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => setTimeout(connect, 200));
  socket.on("open", () => {
    send("initialize", { protocolVersion: 1, clientInfo: { name: "editor.js", version: "1" } });
    if (cursor.sessionId) follow(cursor.sessionId);
    else send("session/create", { cwd: process.cwd(), provider, requestKey: key }, (made) => follow(made.sessionId));
  });
}

/** From behind the last event that we saw: over a lost connection none is missed and none comes twice. */
function follow(sessionId) {
  cursor.sessionId = sessionId;
  send("session/subscribe", cursor, (stand) => (cursor.logId = stand.logId));
  send("session/prompt", { sessionId, prompt, requestKey: key });
}

function send(method, params, then = () => {}) {
  replies.set(++lastId, then);
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ jsonrpc: "2.0", id: lastId, method, params }));
}

function heard({ id, method, params, result, error }) {
  if (error) return console.log(`[${error.data.kind}: ${error.message}]`);
  if (result) return replies.get(id)(result);
  if (method === "session/event") return happened(params, params.metadata);
  if (method === "session/delta" && params.kind === "text") show(params.itemId, params.offset, params.text);
  if (method === "session/caughtUp") // what streams just now
    for (const item of params.openItems) if (item.kind === "text") show(item.itemId, 0, item.text);
}

function happened({ eventType, seq, turn: current, content }, about) {
  cursor.after = seq;
  turn = current;
  if (eventType === "assistant") show(about.itemId, 0, content); // the whole text: deltas may have been missed
  if (eventType === "tool_use") console.log(`\n* ${content}`);
  if (eventType === "tool_result") console.log(`\n  ${content}`);
  if (eventType === "approval_requested") ask(about);
  if (eventType === "approval_resolved") asking = null; // perhaps somebody else was faster
  if (eventType === "turn_ended") process.stdout.write(`\n[${about.reason}]\n`, () => process.exit());
}

/** What is new of it. Behind a gap nothing is shown: the event that closes the item has the whole text. */
function show(item, offset, text) {
  const characters = [...text]; // offsets count code points
  const seen = shown.get(item) || 0;
  if (offset > seen || offset + characters.length <= seen) return;
  process.stdout.write(characters.slice(seen - offset).join(""));
  shown.set(item, offset + characters.length);
}

function ask(approval) {
  [asking, answers] = [approval, {}];
  console.log(`\n? ${approval.title}`);
  const marked = (text, mark) => text.split("\n").filter(Boolean).map((line) => `${mark} ${line}`);
  for (const { oldText, newText } of approval.diffs || [])
    console.log([...marked(oldText, "-"), ...marked(newText, "+")].join("\n"));
  offer();
}

/** The next one that is not answered yet; a permission has none. */
const question = () => (asking.questions || []).find(({ id }) => !(id in answers));

function offer() {
  const next = question();
  if (next) console.log(next.question + (next.multiSelect ? " (as many as you like: 1,2)" : ""));
  for (const [place, { label, name, scope = "" }] of (next || asking).options.entries())
    console.log(`  ${place + 1} ${label || name} ${scope}`);
}

function typed(words) {
  const resolve = (answer) => send("approval/resolve", { approvalId: asking.approvalId, ...answer });
  if (words === "/stop") return send("session/interrupt", { sessionId: cursor.sessionId, expectedTurn: turn });
  if (!asking) return send("session/prompt", { sessionId: cursor.sessionId, prompt: words, whenBusy: "steer" });
  const next = question();
  if (next) {
    answers[next.id] = words.split(",").map((word) => next.options[word - 1]?.label || word);
    return question() ? offer() : resolve({ answers });
  }
  const command = words.startsWith("=") && { updatedInput: { ...asking.input, command: words.slice(1).trim() } };
  if (command) return resolve({ optionId: "allow", ...command });
  if (asking.options[words - 1]) resolve({ optionId: asking.options[words - 1].optionId });
}

readline.createInterface({ input: process.stdin }).on("line", (line) => typed(line.trim()));
connect();
