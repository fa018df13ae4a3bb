"""What sub-agents do, under the tool that they work for."""

from __future__ import annotations

import attrs

from jelmored.domain.ids import ToolUseId

STEP = "  "
DEEPEST = 6


@attrs.define
class Nesting:
    """Told of each tool, it knows how deep things are, and whether what is shown above says whose they are."""

    _parents: dict[ToolUseId, ToolUseId | None] = attrs.field(factory=dict)
    _names: dict[ToolUseId, str] = attrs.field(factory=dict)
    _under: ToolUseId | None = None
    """Whose work the last shown line is, or what it began."""

    def used(self, tool: ToolUseId, parent: ToolUseId | None, name: str) -> None:
        """A tool that may have others under it."""
        self._parents[tool], self._names[tool] = parent, name

    def indent(self, parent: ToolUseId | None) -> str:
        """Of what stands under this tool."""
        depth = 0
        while parent is not None and depth < DEEPEST:
            parent, depth = self._parents.get(parent), depth + 1
        return STEP * depth

    def turn_to(self, parent: ToolUseId | None, shown: ToolUseId | None = None) -> str | None:
        """The next line is of this tool's sub-agent; what it is called, if the line above is another's.

        Args:
            shown: the tool that the line is about.
        """
        known = parent in {None, self._under}
        self._under = shown if parent is None else parent
        return None if known or parent is None else self._names.get(parent, "a sub-agent")

    def clear(self) -> None:
        """The turn is over."""
        self._parents.clear()
        self._names.clear()
        self._under = None
