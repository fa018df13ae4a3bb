"""What may stand next on a command line: found in the tree that parses it, so the two can't differ. No I/O.

The same knowledge puts options before operands: argparse alone takes `send docs -f PROMPT` for a prompt too many.

argparse tells of its tree only by attributes that it calls private; `_Line` is the one place that reads them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import attrs

from .operands import Operand

ASK = "__complete"
"""The hidden command by which a shell's script asks: the words after `jelmore` follow, the last is being typed."""


@attrs.frozen
class Candidate:
    """A word that fits, and what it does in a line."""

    word: str
    about: str = ""


@attrs.frozen(kw_only=True)
class Offer:
    """What fits.

    Args:
        typed: what is there of the word.
        candidates: words that fit.
        operand: what of the world fits besides; None: nothing.
        before: what stands in front of it in the same word, `--model=`.
    """

    typed: str
    candidates: tuple[Candidate, ...] = ()
    operand: Operand | None = None
    before: str = ""

    def fitting(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that begin with what is typed, as the shell is to put them."""
        return [
            attrs.evolve(candidate, word=self.before + candidate.word)
            for candidate in candidates
            if candidate.word.startswith(self.typed)
        ]


def offer(parser: argparse.ArgumentParser, words: Sequence[str]) -> Offer:
    """What fits in place of the last of these words of a command line."""
    *before, typed = _whole(words) or [""]
    line = _Line(parser)
    for word in before:
        line.take(word)
    return line.offer(typed)


def options_first(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """The same command line with its operands at the end, where argparse finds all of them."""
    line = _Line(parser)
    options: list[str] = []
    operands: list[str] = []
    for at, word in enumerate(words):
        if line.ends_options(word):
            return [*options, "--", *operands, *words[at + 1 :]]
        (operands if line.is_operand(word) else options).append(word)
        line.take(word)
    return [*options, *operands]


def _whole(words: Sequence[str]) -> list[str]:
    """bash takes `--model=x` apart into three; without its sign it means the same."""
    whole: list[str] = []
    for word in words:
        if word != "=" or not (whole and whole[-1].startswith("--")):
            whole.append(word)
    return [*whole, ""] if words and words[-1] == "=" else whole


@attrs.define
class _Line:
    """Where in the tree a command line has come to."""

    parser: argparse.ArgumentParser
    _positionals: list[argparse.Action] = attrs.field(init=False)
    _option: argparse.Action | None = None
    """It waits for its value."""
    _only_positionals: bool = False

    def __attrs_post_init__(self) -> None:
        self._positionals = self.parser._get_positional_actions()

    def take(self, word: str) -> None:
        if self._option is not None:
            self._option = None
        elif self.ends_options(word):
            self._only_positionals = True
        elif self._is_option(word):
            self._option = None if "=" in word else self._with_value(word)
        elif self._positionals:
            self._take_positional(word)

    def ends_options(self, word: str) -> bool:
        return word == "--" and self._option is None and not self._only_positionals

    def is_operand(self, word: str) -> bool:
        """Neither an option, nor the value of one, nor a command."""
        command = bool(self._positionals) and isinstance(self._positionals[0], argparse._SubParsersAction)
        return self._option is None and not self._is_option(word) and not command

    def offer(self, typed: str) -> Offer:
        if self._option is not None:
            return _values(self._option, typed)
        if self._only_positionals or not typed.startswith("-"):
            return self._next_positional(typed)
        name, sign, value = typed.partition("=")
        if sign and (option := self._with_value(name)):
            return _values(option, value, before=name + sign)
        return Offer(typed=typed, candidates=tuple(self._options()))

    def _is_option(self, word: str) -> bool:
        return word.startswith("-") and word != "-" and not self._only_positionals

    def _with_value(self, word: str) -> argparse.Action | None:
        """The option that this word names and that takes the next one: `--model`, `--mod`, `-m`, `-fm`."""
        options = self.parser._option_string_actions
        if word.startswith("--"):
            found = [options[name] for name in options if name == word] or [
                options[name] for name in options if name.startswith(word)
            ]
            option = found[0] if len(set(map(id, found))) == 1 else None
        else:
            flags = [options.get(f"-{letter}") for letter in word[1:]]
            option = flags[-1] if all(flag is not None and flag.nargs == 0 for flag in flags[:-1]) else None
        return option if option is not None and option.nargs != 0 else None

    def _take_positional(self, word: str) -> None:
        action = self._positionals[0]
        if isinstance(action, argparse._SubParsersAction):
            self.parser = action.choices.get(word, argparse.ArgumentParser(add_help=False))
            self._positionals = self.parser._get_positional_actions()
        elif action.nargs not in {"*", "+"}:
            self._positionals.pop(0)

    def _next_positional(self, typed: str) -> Offer:
        if self._positionals:
            return _values(self._positionals[0], typed)
        return Offer(typed=typed) if typed else Offer(typed="", candidates=tuple(self._options()))

    def _options(self) -> Iterator[Candidate]:
        for action in self.parser._get_optional_actions():
            names = (name for name in action.option_strings if name.startswith("--"))
            yield from (Candidate(name, action.help or "") for name in names)


def _values(action: argparse.Action, typed: str, before: str = "") -> Offer:
    """What an option, or a positional, takes."""
    return Offer(typed=typed, candidates=tuple(_choices(action)), operand=_operand(action), before=before)


def _choices(action: argparse.Action) -> Iterator[Candidate]:
    if isinstance(action, argparse._SubParsersAction):
        words = {command.dest: command.help or "" for command in action._choices_actions}
        yield from (Candidate(name, words.get(name, "")) for name in action.choices)
    else:
        yield from map(Candidate, map(str, action.choices or ()))


def _operand(action: argparse.Action) -> Operand | None:
    return Operand(action.metavar) if action.metavar in set(Operand) else None
