"""What was found, for a person: a line each, the remedy under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jelmored.client.terminal.spans import Look, Span

from .findings import Finding, Level

SIGNS = {Level.GOOD: ("✓", Look.GOOD), Level.NOTE: ("·", Look.ASKS), Level.BAD: ("✗", Look.BAD)}


def spans(findings: Sequence[Finding]) -> Iterator[Span]:
    width = max(len(finding.area) for finding in findings)
    area = ""
    for finding in findings:
        sign, look = SIGNS[finding.level]
        name = finding.area if finding.area != area else ""
        area = finding.area
        yield from (Span(f"{name:{width}} ", Look.DIM), Span(sign, look), Span(f" {finding.text}\n"))
        if finding.remedy:
            yield Span(f"{'':{width}}   → {finding.remedy}\n", look)
    yield from _sum(findings)


def _sum(findings: Sequence[Finding]) -> Iterator[Span]:
    bad = sum(finding.level is Level.BAD for finding in findings)
    if bad:
        yield Span(f"\n{bad} {'thing needs' if bad == 1 else 'things need'} you\n", Look.BAD)
    else:
        yield Span("\nall is well\n", Look.GOOD)
