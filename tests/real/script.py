"""What the scripted model says: answers and failures as values, and the rules that choose among them.

    Script(
        when("make a file", uses("Bash", command="touch made"), says("Made it.")),
        when("hello", fails(429, retry_after=1), says("Hello at last.")),
    )

The nth call that a rule matches gets the rule's nth line, and its last line for ever after. A rule looks at the last
words of the human in the conversation; the first rule that matches wins.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import attrs
import trio

from .conversation import Conversation


@attrs.frozen
class Text:
    """`pieces`: in how many deltas it streams."""

    text: str
    pieces: int = 5


@attrs.frozen
class Thinking:
    text: str
    pieces: int = 3


@attrs.frozen
class ToolUse:
    name: str
    input: dict[str, Any]
    pieces: int = 2


Block = Text | Thinking | ToolUse


class Fault(enum.Enum):
    """What befalls a stream once `Answer.sound_deltas` of its deltas are out."""

    CUT = "the connection is closed"
    STALL = "nothing comes any more"
    GARBLED = "bytes that are no JSON, then the connection is closed"
    ERROR = "an `event: error` inside the 200"
    THROTTLED = "an `event: error` inside the 200 that says what a 429 says"


@attrs.frozen
class Answer:
    """A message of the model.

    Args:
        pace: seconds before each delta.
        held: the first delta comes when this is set.
        fault: what goes wrong in the stream; an answer that is asked for without streaming has no fault.
        headers: of the HTTP response, beside what every answer has.
    """

    blocks: tuple[Block, ...]
    stop_reason: str = "end_turn"
    pace: float = 0.0
    held: trio.Event | None = None
    fault: Fault | None = None
    sound_deltas: int = 0
    input_tokens: int = 100
    output_tokens: int = 20
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, Text))


@attrs.frozen
class Failure:
    """An HTTP status and an error body instead of an answer."""

    status: int
    type: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


SUBSCRIPTION_SPENT = Failure(
    429,
    "rate_limit_error",
    "This request would exceed your account's rate limit.",
    (
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-reset", "1999999999"),
        ("anthropic-ratelimit-unified-representative-claim", "five_hour"),
    ),
)
"""What a subscription's login is told when its hours are used up, until May 2033."""

SUBSCRIPTION_NEARLY_SPENT = (
    ("anthropic-ratelimit-unified-status", "allowed_warning"),
    ("anthropic-ratelimit-unified-5h-surpassed-threshold", "0.9"),
    ("anthropic-ratelimit-unified-5h-utilization", "0.91"),
    ("anthropic-ratelimit-unified-5h-reset", "1999999999"),
)
"""The headers of an answer when nine tenths of them are used up."""


class Silence(enum.Enum):
    """No answer at all."""

    HANG = "the request is read, nothing is sent"
    HANG_UP = "the request is read, the connection is closed"


Line = Answer | Failure | Silence
LineOf = Callable[[Conversation], Line]
"""A line that is made up from what was said so far: proof that the context is really there."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def says(text: str, *, pieces: int = 5, pace: float = 0.0, held: trio.Event | None = None) -> Answer:
    return Answer((Text(text, pieces),), pace=pace, held=held)


def thinks(thought: str, text: str) -> Answer:
    """Thinks, then says."""
    return Answer((Thinking(thought), Text(text)))


def uses(tool: str, /, **tool_input: Any) -> Answer:
    return Answer((ToolUse(tool, tool_input),), stop_reason="tool_use")


def uses_all(*tools: ToolUse, first: str = "") -> Answer:
    """Several tools in one message, after a few words if there are any."""
    return Answer(((Text(first),) if first else ()) + tools, stop_reason="tool_use")


def refuses(text: str = "") -> Answer:
    return Answer((Text(text),) if text else (), stop_reason="refusal")


def breaks(answer: Answer, fault: Fault, *, after: int = 2) -> Answer:
    """The answer, until the fault strikes after so many deltas."""
    return attrs.evolve(answer, fault=fault, sound_deltas=after)


def fails(status: int, message: str = "as scripted", *, retry_after: int | None = None) -> Failure:
    headers = (("retry-after", str(retry_after)),) if retry_after is not None else ()
    return Failure(status, ERROR_TYPES[status], message, headers)


def recalls(conversation: Conversation) -> Line:
    """Says what the human told first; only a conversation that is really there can know it."""
    return says(f"The first thing you told me was: {conversation.human[0]}")


@attrs.frozen(eq=False)
class Rule:
    words: str
    lines: tuple[Line | LineOf, ...]

    def line(self, call: int) -> Line | LineOf:
        return self.lines[min(call, len(self.lines) - 1)]


def when(words: str, *lines: Line | LineOf) -> Rule:
    """For conversations whose last human message contains these words; "" matches any."""
    return Rule(words, lines)


class Script:
    """The rules, and how often each has been asked."""

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules
        self._calls = dict.fromkeys(rules, 0)

    def line(self, conversation: Conversation) -> Line:
        """The next line for this conversation; a 400 that names the words when no rule is for them."""
        for rule in self._rules:
            if rule.words in conversation.last:
                chosen = rule.line(self._calls[rule])
                self._calls[rule] += 1
                return chosen(conversation) if callable(chosen) else chosen
        return fails(400, f"no rule of the script is for: {conversation.last!r}")
