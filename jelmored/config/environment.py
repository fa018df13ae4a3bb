"""Settings that stand in the environment: `JELMORE_` and the key, in capitals, with two underscores between levels
(`JELMORE_SESSIONS__HIBERNATE_AFTER`), and some shorter names of an earlier service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

import attrs

from jelmored.domain.texts import is_text

from .documents import Document
from .faults import cut, nearest
from .lines import Key
from .settings import KINDS, Settings
from .words import Word

PREFIX = "JELMORE_"
LEVEL = "__"
CONFIG_FILE = "JELMORE_CONFIG_FILE"
"""Read this file instead of the usual ones, as `--config` says it too."""
PROVIDERS = f"{PREFIX}PROVIDERS{LEVEL}"

_CLAUDE = {
    "ENABLED": "enabled",
    "BIN": "claude_bin",
    "DEFAULT_MODEL": "default_model",
    "MAX_SESSIONS": "max_concurrent_sessions",
    "TIMEOUT": "timeout_seconds",
}
_OPENCODE = {**_CLAUDE, "BIN": "opencode_bin", "API_ENDPOINT": "api_endpoint", "API_KEY": "api_key"}

SHORT: Mapping[str, Key] = {
    **{f"{PREFIX}CLAUDE_{name}": ("providers", "claude", key) for name, key in _CLAUDE.items()},
    **{f"{PREFIX}OPENCODE_{name}": ("providers", "opencode", key) for name, key in _OPENCODE.items()},
}
"""Names of the earlier service; those of its other settings are the regular ones."""

OTHERS = frozenset({
    *(CONFIG_FILE, "JELMORE_SOCKET", "JELMORE_URL", "JELMORE_TOKEN_FILE", "JELMORE_PORT_USER"),
    *("JELMORE_EVENT", "JELMORE_SESSION_ID", "JELMORE_SESSION_NAME", "JELMORE_DIRECTORY", "JELMORE_HEADLINE"),
    "JELMORE_TEXT",
})  # fmt: skip
"""No settings: where `jelmore` finds the daemon, and what a notify command is told."""


def document(environ: Mapping[str, str], below: Mapping[str, Any]) -> tuple[Document, list[str]]:
    """What the environment says, and what is wrong with its names. A variable that is empty counts as unset.

    Args:
        below: what the files say: the names of providers, which a variable can't spell (`claude-work`).
    """
    reader = _Reader(list({**_tables(below), **KINDS}))
    for name in sorted(environ, key=lambda name: (name not in SHORT, name)):  # the regular name wins
        if name.startswith(PREFIX) and environ[name] and name not in OTHERS:
            reader.take(name, environ[name])
    return Document("environment", reader.tree, reader.places), reader.faults


def name_of(key: Key) -> str:
    """The variable for a key."""
    return PREFIX + LEVEL.join(_spelt(part) for part in key)


def regular() -> Mapping[str, Key]:
    """The variables of all keys but those of providers."""
    return {name_of(key): key for key in _keys(Settings, ())}


@attrs.define
class _Reader:
    """Variables to a tree. `providers`: the names that there are."""

    providers: list[str]
    tree: dict[str, Any] = attrs.field(factory=dict)
    places: dict[Key, str] = attrs.field(factory=dict)
    faults: list[str] = attrs.field(factory=list)

    def take(self, name: str, value: str) -> None:
        if not is_text(name) or not is_text(value):
            self.faults.append(f"{cut(name)}: expected UTF-8")
            return
        key = SHORT.get(name) or regular().get(name) or self._of_provider(name)
        if key is None and name.startswith(PROVIDERS):
            self.faults.append(f"{cut(name)}: expected {PROVIDERS}NAME{LEVEL}KEY")
        elif key is None:
            known = [*SHORT, *regular(), *OTHERS]
            self.faults.append(f"{cut(name)}: there is no such setting{nearest(name, known)}")
        elif not self._put(key, Word(value)):
            self.faults.append(f"{name}: stands in a table that another variable gives as a whole")
        else:
            self.places[key] = name

    def _of_provider(self, name: str) -> Key | None:
        """`JELMORE_PROVIDERS__NAME__KEY`; behind `__` again what a table of the provider's may hold, as it is."""
        provider, _, rest = name.removeprefix(PROVIDERS).partition(LEVEL)
        key, _, inner = rest.partition(LEVEL)
        if not name.startswith(PROVIDERS) or not provider or not key:
            return None
        found = next((one for one in self.providers if _spelt(one) == provider), provider.lower())
        return ("providers", found, key.lower(), *([inner] if inner else []))

    def _put(self, key: Key, value: Word) -> bool:
        tree = self.tree
        for part in key[:-1]:
            tree = tree.setdefault(part, {})
            if not isinstance(tree, dict):
                return False
        tree[key[-1]] = value
        return True


def _spelt(part: str) -> str:
    return part.upper().replace("-", "_")


def _tables(below: Mapping[str, Any]) -> Mapping[str, Any]:
    providers = below.get("providers")
    return providers if isinstance(providers, dict) else {}


def _keys(cls: type, table: Key) -> Iterator[Key]:
    hints = get_type_hints(cls)
    for field in attrs.fields(cls):
        key = (*table, field.name.removesuffix("_"))
        if attrs.has(hints[field.name]):
            yield from _keys(hints[field.name], key)
        elif key != ("providers",):
            yield key
