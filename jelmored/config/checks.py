"""The kinds of values that the configuration knows, each with what is expected in words for whoever wrote it."""

from __future__ import annotations

import enum
import ipaddress
import os
import pwd
import re
import shutil
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import urlsplit

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from . import secrets
from .words import Word, meant


@attrs.frozen
class Between:
    """Bounds of a number, both inclusive; use it in `Annotated`."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"from {self.low} to {self.high}"


@attrs.frozen
class Such:
    """What a value must be beyond its type; use it in `Annotated`.

    Args:
        words: the same, for the reader of a table.
        fault: says what is wrong with a value, or nothing. It must not repeat the value, which may be a secret.
    """

    words: str
    fault: Callable[[Any], str | None]

    def __str__(self) -> str:
        return f"({self.words})"


def _fault_of_url(url: str) -> str | None:
    if not url or (url.isprintable() and " " not in url and _is_web(url)):
        return None
    return 'expected an http or https URL with a host, such as "https://example.org/hook"'


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of the port, or of an address in brackets
        return False


def loopback(text: str) -> tuple[str, int]:
    """The host and the port of an address of loopback, as the system takes them.

    Raises:
        ValueError: it is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ValueError("no port")
    if host == "localhost":
        return "127.0.0.1", int(port)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    address = ipaddress.ip_address(bare)
    if not address.is_loopback or (address.version == 6) != (bare != host) or "%" in bare:
        raise ValueError("not loopback")
    return str(address), int(port)


def _fault_of_loopback(text: str) -> str | None:
    try:
        if text:
            loopback(text)
    except ValueError:
        return (
            'expected an address of loopback with a port, such as "127.0.0.1:0" (0: any that is free); nothing else is '
            "ever bound: from another machine use `ssh BOX jelmore connect`"
        )
    return None


def _fault_of_user(name: str) -> str | None:
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):
        return f"there is no user {name!r} on this machine"
    return None


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


def _fault_of_origin(origin: str) -> str | None:
    if _ORIGIN.fullmatch(origin):
        return None
    return 'expected an origin as a browser sends it, small letters and nothing behind the port: "https://example.org"'


def _fault_of_argv(argv: tuple[str, ...]) -> str | None:
    if not argv:
        return None
    program = argv[0]
    if any("\0" in word for word in argv):
        return "expected words without a NUL"
    if "/" in program and not program.startswith("/"):
        return "expected a program by its name on the PATH or by its absolute path"
    if shutil.which(program) is None:
        return f"there is no program {program!r} that can be executed; install it, or give its absolute path"
    return None


def _fault_of_directory(path: str) -> str | None:
    if "\0" not in path and os.path.isabs(os.path.expanduser(path)):
        return None
    return 'expected an absolute directory, such as "/srv/projects" or "~/projects"'


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
OURS = ("JELMORE_", "JELMORED_")
"""Variables by which the daemon is configured, and knows what it has started."""


def _fault_of_variable(name: str) -> str | None:
    if _VARIABLE.fullmatch(name) is None:
        return "expected the name of an environment variable: letters, digits and _"
    if name.startswith(OURS):
        return "expected a variable that is not one of jelmored's own"
    return None


Count = Annotated[int, Between(1, 10_000)]
CountOrNone = Annotated[int, Between(0, 10_000)]
"""0 means none."""
Seconds = Annotated[float, Between(0.1, 31_536_000)]
SecondsOrNone = Annotated[float, Between(0, 31_536_000)]
"""0 means no limit."""
DaysOrNone = Annotated[float, Between(0, 36_500)]
"""0 means for ever."""
Usd = Annotated[float, Between(0, 1_000_000)]
"""0 means no limit."""
Url = Annotated[str, Such("an http or https URL, or empty", _fault_of_url)]
WebOrigin = Annotated[str, Such("a web origin, as a browser sends it", _fault_of_origin)]
Loopback = Annotated[str, Such("an address of loopback with a port, or empty", _fault_of_loopback)]
LocalUser = Annotated[str, Such("a user of this machine", _fault_of_user)]
Directory = Annotated[str, Such("an absolute directory", _fault_of_directory)]
"""It need not be there: it may be mounted later."""
Variable = Annotated[str, Such("the name of a variable", _fault_of_variable)]
Argv = Annotated[tuple[str, ...], Such("a program and its arguments, or empty", _fault_of_argv)]
"""It is looked for when it is read: one that is missing is told at once, not when it is needed."""

_WORDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "a table",
    type(None): "null",
}


class Unexpected(ValueError):
    """A value that is not what its key wants. `choices`: where only certain words are right."""

    def __init__(self, message: str, *, got: str = "", choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.got = got
        self.choices = choices


def converter() -> cattrs.Converter:
    """Structures settings: strictly, and with a word for the reader in each refusal."""
    made = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (int, float, bool):
        made.register_structure_hook(kind, _exactly(kind))
    made.register_structure_hook(str, _string)
    made.register_structure_hook_func(_origin_is(Annotated), _annotated(made))
    made.register_structure_hook(enum.StrEnum, _one_of)  # or the hook of str, its base, would let any word through
    made.register_structure_hook_func(_origin_is(tuple), _array(made))
    made.register_structure_hook_func(_origin_is(Mapping), _mapping(made))
    made.register_structure_hook_func(lambda hint: hint is Any, _anything)
    made.register_structure_hook_factory(attrs.has, lambda cls: _table(made, cls))
    return made


def key_of(name: str) -> str:
    """The configuration's key for a setting: `return_` is `return` there."""
    return name.removesuffix("_")


def _origin_is(origin: Any) -> Callable[[Any], bool]:
    def check(hint: Any) -> bool:
        found: Any = get_origin(hint)
        return found is origin

    return check


def _is(kind: type, value: Any) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _expected(what: str, value: Any) -> Unexpected:
    if isinstance(value, Word):  # it could not be anything but a string
        return Unexpected(f"expected {what}")
    return Unexpected(f"expected {what}, got {_WORDS.get(type(value), type(value).__name__)}")


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def check(value: Any, _: Any) -> Any:
        value = meant(value, kind)
        if not _is(kind, value):
            raise _expected(_WORDS[kind], value)
        return value

    return check


def _string(value: Any, _: Any) -> str:
    if isinstance(value, dict):
        try:
            return secrets.fetched(value)
        except ValueError as error:
            raise Unexpected(str(error)) from error
    if not isinstance(value, str):
        raise _expected("a string", value)
    return str(value) if isinstance(value, Word) else value


def _annotated(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def check(value: Any, hint: Any) -> Any:
        kind, demand = get_args(hint)
        if isinstance(demand, Between):
            return _bounded(value, kind, demand)
        return _such(made.structure(value, kind), demand)

    return check


def _such(value: Any, demand: Such) -> Any:
    if (fault := demand.fault(value)) is not None:
        raise Unexpected(fault)
    return value


def _bounded(value: Any, kind: type, bounds: Between) -> Any:
    value = meant(value, kind)
    if not _is(kind, value):
        raise _expected(f"{_WORDS[kind]} {bounds}", value)
    if not bounds.low <= value <= bounds.high:
        raise Unexpected(f"expected {_WORDS[kind]} {bounds}, got {value}")
    return value


def _one_of(value: Any, hint: type[enum.StrEnum]) -> enum.StrEnum:
    choices = tuple(hint)
    if not isinstance(value, str):
        raise _expected(f"one of {', '.join(choices)}", value)
    if value not in choices:
        raise Unexpected(f"expected one of {', '.join(choices)}", got=value, choices=choices)
    return hint(value)


def _array(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def check(value: Any, hint: Any) -> Any:
        value = meant(value, list)
        if not isinstance(value, list):
            raise _expected("an array", value)
        items: Any = list[get_args(hint)[0]]  # type: ignore[misc]
        return tuple(made.structure(value, items))

    return check


def _mapping(made: cattrs.Converter) -> Callable[[Any, Any], Any]:
    def check(value: Any, hint: Any) -> Any:
        items: Any = dict[get_args(hint)]  # type: ignore[misc]
        return made.structure(_needs_table(value), items)

    return check


def _anything(value: Any, _: Any) -> Any:
    """What belongs to a program and not to us, as it is; a pointer at a secret is followed there too."""
    match value := meant(value, object):
        case dict() if secrets.is_pointer(value):
            return _string(value, str)
        case dict():
            return {key: _anything(inner, Any) for key, inner in value.items()}
        case list():
            return [_anything(inner, Any) for inner in value]
        case int() if not -(2**63) <= value < 2**63:
            raise Unexpected("expected a whole number of 64 bits")
    return str(value) if isinstance(value, Word) else value


def _table(made: cattrs.Converter, cls: type[Any]) -> Callable[[Any, Any], Any]:
    keys: Any = {name: override(rename=key_of(name)) for name in attrs.fields_dict(cls) if key_of(name) != name}
    structure = make_dict_structure_fn(cls, made, **keys)
    return lambda value, hint: structure(_needs_table(value), hint)


def _needs_table(value: Any) -> Any:
    value = meant(value, dict)
    if not isinstance(value, dict):
        raise _expected("a table", value)
    return value
