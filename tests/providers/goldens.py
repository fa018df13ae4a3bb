"""Run events as JSON that people read and compare: the golden lists of the providers' captures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from jelmored.providers.base import RunEvent


def readable(event: RunEvent) -> dict[str, Any]:
    """An event as JSON for people: what has its default is left away, long texts are cut."""
    return {"is": type(event).__name__, **_fields(event)}


def as_golden(events: Sequence[RunEvent]) -> str:
    return json.dumps([readable(event) for event in events], indent=1, ensure_ascii=False) + "\n"


def _fields(value: Any) -> dict[str, Any]:
    shown = {}
    for field in attrs.fields(type(value)):
        found = getattr(value, field.name)
        if found == field.default or found in (None, (), {}):
            continue
        shown[field.name] = len(found) if field.name == "commands" else _plain(found)
    return shown


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return _fields(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > 400:
        return f"{value[:200]}… ({len(value)} characters)"
    return value
