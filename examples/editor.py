"""A very small editor on jelmored, to learn the protocol from (docs/protocol.md). Needs Python 3.11 and `jelmore`.

`editor.py PROMPT [PROVIDER [SESSION]]` works in this directory, and shows the answer as it streams. Type a number, or
words, to answer what is asked; `= COMMAND` to allow another command instead; `/stop` to interrupt; anything else is
said into the turn that runs.
"""

import contextlib, difflib, itertools, json, os, queue, subprocess, sys, threading, uuid


class Editor:
    def __init__(self, prompt, provider=None, session=None):
        self.prompt, self.provider, self.session = prompt, provider, session
        self.key = str(uuid.uuid4())  # a request with a key of ours may be sent again: it takes effect once
        self.inbox, self.ids, self.replies = queue.Queue(), itertools.count(1), {}
        self.cursor, self.turn = {"after": "start"}, None  # how far we have seen the session's log
        self.shown = {}  # how many characters of each text the user has seen
        self.asking, self.answers = None, {}  # the approval that is open; the answers to its questions so far

    def read(self, file, take):
        for line in file:
            self.inbox.put((take, line))
        self.inbox.put((self.connect if take == self.heard else str, ""))  # the connection is lost, or stdin closed

    def connect(self, _=""):
        """`jelmore connect` finds the daemon, or starts it. Each line of it is a message, both ways."""
        self.pump = subprocess.Popen(["jelmore", "connect"], stdin=-1, stdout=-1, text=True, bufsize=1)  # -1: a pipe
        threading.Thread(target=self.read, args=[self.pump.stdout, self.heard], daemon=True).start()
        self.send("initialize", protocolVersion=1, clientInfo={"name": "editor.py", "version": "1"})
        where = {"cwd": os.getcwd()} | ({"provider": self.provider} if self.provider else {})
        if self.session:
            return self.follow({"sessionId": self.session})
        return self.send("session/create", self.follow, requestKey=self.key, **where)

    def follow(self, session):
        """From behind the last event that we saw: over a lost connection none is missed and none comes twice."""
        self.session = self.cursor["sessionId"] = session["sessionId"]
        self.send("session/subscribe", lambda stand: self.cursor.update(logId=stand["logId"]), **self.cursor)
        self.send("session/prompt", sessionId=self.session, prompt=self.prompt, requestKey=self.key)

    def send(self, method, then=lambda result: None, **params):
        self.replies[number := next(self.ids)] = then
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        with contextlib.suppress(BrokenPipeError):  # it is lost then, and the inbox says so
            self.pump.stdin.write(json.dumps(message) + "\n")

    def heard(self, line):
        message = json.loads(line)
        params = message.get("params", {})
        about = params.get("metadata")
        if "error" in message:
            print(f"[{message['error']['data']['kind']}: {message['error']['message']}]")
        elif "result" in message:
            self.replies.pop(message["id"])(message["result"])
        if message.get("method") == "session/event":
            self.cursor["after"], self.turn = params["seq"], params["turn"]
        match message.get("method"), params.get("eventType"):
            case "session/delta", _ if params["kind"] == "text":
                self.show(params["itemId"], params["offset"], params["text"])
            case "session/event", "assistant":  # the whole text: deltas may have been missed
                self.show(about["itemId"], 0, params["content"])
            case "session/event", "tool_use" | "tool_result" as kind:
                print(f"\n{'*' if kind == 'tool_use' else ' '} {params['content']}")
            case "session/event", "approval_requested":
                self.ask(about)
            case "session/event", "approval_resolved":
                self.asking = None  # perhaps somebody else was faster
            case "session/event", "turn_ended":
                sys.exit(print(f"\n[{about['reason']}]"))
            case "session/caughtUp", _:  # what streams just now
                for item in filter(lambda item: item["kind"] == "text", params["openItems"]):
                    self.show(item["itemId"], 0, item["text"])

    def show(self, item, offset, text):
        """What is new of it. Behind a gap nothing is shown: the event that closes the item has the whole text."""
        seen = self.shown.get(item, 0)
        if offset <= seen < offset + len(text):
            print(text[seen - offset :], end="", flush=True)
            self.shown[item] = offset + len(text)

    def ask(self, approval):
        self.asking, self.answers = approval, {}
        print(f"\n? {approval['title']}")
        for diff in approval.get("diffs", []):
            print("\n".join(difflib.ndiff(diff["oldText"].splitlines(), diff["newText"].splitlines())))
        self.offer()

    def question(self):  # the next one that is not answered yet; a permission has none
        return next((one for one in self.asking.get("questions", []) if one["id"] not in self.answers), None)

    def offer(self):
        if question := self.question():
            print(question["question"] + (" (as many as you like: 1,2)" if question["multiSelect"] else ""))
        for number, option in enumerate((question or self.asking)["options"], 1):
            print(f"  {number} {option.get('label') or option['name']} {option.get('scope', '')}", flush=True)

    def typed(self, line):
        words = line.strip()
        if words == "/stop":  # of another turn than the one that the user sees, it does nothing
            self.send("session/interrupt", sessionId=self.session, expectedTurn=self.turn)
        elif not self.asking:
            self.send("session/prompt", sessionId=self.session, prompt=words, whenBusy="steer")
        elif question := self.question():
            labels = {str(number): option["label"] for number, option in enumerate(question["options"], 1)}
            self.answers[question["id"]] = [labels.get(word, word) for word in words.split(",")]
            self.offer() if self.question() else self.resolve(answers=self.answers)
        elif words.startswith("="):
            self.resolve(optionId="allow", updatedInput={**self.asking["input"], "command": words[1:].strip()})
        elif words in map(str, range(1, 1 + len(self.asking["options"]))):
            self.resolve(optionId=self.asking["options"][int(words) - 1]["optionId"])

    def resolve(self, **answer):
        self.send("approval/resolve", approvalId=self.asking["approvalId"], **answer)


editor = Editor(*sys.argv[1:])
threading.Thread(target=editor.read, args=[sys.stdin, editor.typed], daemon=True).start()
editor.connect()
for take, line in iter(editor.inbox.get, None):
    take(line)
