"""What must not be read: the secrets that the configuration has, and whatever has the shape of those that we make.

One `Secrets` for a daemon. The edge of the log, that of the journal and that of the answers each ask it; whoever learns
of another secret tells it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator

REDACTED = "[redacted]"
SHORTEST = 8
"""Characters. Shorter values would be found in words that are none."""
LEAST = 4
"""Fewer characters at the end of a text that goes on tell nothing; to hold them back would delay every other piece."""
MOST = 1024
"""Secrets that are known at a time; of more, those that were told last."""
NESTED = 2
"""JSON in JSON in a text: so often may a secret have been escaped."""

_KINDS = ("observer", "operator", "admin", "server")
_BYTES = 32
_LETTERS = 43  # of 32 bytes in base64
_OURS = rf"(?:{'|'.join(_KINDS)})\.[A-Za-z0-9_-]{{{_LETTERS}}}"
_OURS_IN_BYTES = re.compile(rb"\.[A-Za-z0-9_-]{%d}" % _LETTERS)  # without the words in front: those are slow to find
_OURS_BEGUN = re.compile(rf"(?:{'|'.join(_KINDS)})\.[A-Za-z0-9_-]{{0,{_LETTERS - 1}}}")


def make(kind: str) -> str:
    """A secret of ours, 256 bits of chance: a token of the scope `kind`, or the password of a `server`. Its shape is
    known, so it needs to be told to nobody."""
    return f"{kind}.{secrets.token_urlsafe(_BYTES)}"


class Secrets:
    """Owner of what is known to be secret.

    Args:
        words: values; those shorter than `SHORTEST` are none.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words: dict[str, None] = {}
        self.learn(words)

    def learn(self, words: Iterable[str]) -> None:
        """These too, from now on; what was one stays one, for it may still be good elsewhere."""
        for word in map(str, words):
            if len(word.strip()) >= SHORTEST:
                self._words.pop(word.strip(), None)
                self._words[word.strip()] = None
        for oldest in list(self._words)[:-MOST]:
            del self._words[oldest]
        forms = sorted({form for word in self._words for form in _forms(word)}, key=len, reverse=True)
        self._needles = tuple(dict.fromkeys(_escaped(form).encode(errors="replace") for form in forms))
        # of two that begin alike the longer one goes as a whole
        self._pattern = re.compile("|".join((*map(re.escape, forms), _OURS)))
        self._longest = max(map(len, (*forms, make(max(_KINDS, key=len)))))
        self._begun: dict[str, list[str]] = {}
        for form in (*forms, *(f"{kind}." for kind in _KINDS)):
            self._begun.setdefault(form[:LEAST], []).append(form)
        self._beginnings = re.compile(f"(?={'|'.join(map(re.escape, self._begun))})")

    def hidden(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(REDACTED, text)

    def stand_in(self, data: bytes) -> bool:
        """May one of them stand in this JSON? Made to say no fast: it looks at all that is written."""
        return any(needle in data for needle in self._needles) or _OURS_IN_BYTES.search(data) is not None

    def parted(self, shown: str, text: str) -> tuple[str, str]:
        """A piece of a text that comes bit by bit: what may be shown of it, and the end of it that may be the
        beginning of a secret, to be given again before the next piece.

        Args:
            shown: the last characters that were shown before it; `LEAST` - 1 are enough.
        """
        whole = shown + text
        found = self._pattern.search(whole)
        keep = min(len(shown), found.start()) if found else len(shown)
        if found:
            whole = whole[:keep] + self.hidden(whole[keep:])
        begun = max(self._where_one_begins(whole), keep)
        return whole[keep:begun], whole[begun:]

    def _where_one_begins(self, text: str) -> int:
        for match in self._beginnings.finditer(text, max(len(text) - self._longest, 0)):
            rest = text[match.start() :]
            if any(form.startswith(rest) for form in self._begun[rest[:LEAST]]) or _OURS_BEGUN.fullmatch(rest):
                return match.start()
        return len(text)


def _forms(word: str) -> Iterator[str]:
    """As it may stand in a text: as it is, and as one that writes JSON has it, in JSON again."""
    for ascii_only in (False, True):
        form = word
        for _ in range(NESTED + 1):
            yield form
            form = _escaped(form, ascii_only=ascii_only)


def _escaped(text: str, *, ascii_only: bool = False) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]
