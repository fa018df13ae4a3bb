"""The Autobahn test suite's fuzzing client over what reads frames in the daemon: `python -m tests.autobahn [CASE …]`.

It is a program of Python 2.7: one on PATH, or what PYTHON2 names, runs it. What it found is told by case; a case that
failed fails the whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import structlog
import trio

from .echo import echoing

SUITE = "autobahntestsuite==0.8.2"
INSTALLED = Path(".cache/autobahn").absolute()
CASES = ["*"]
LEFT_OUT = ["12.*", "13.*"]
"""Compression, which is never agreed to."""

Results = dict[str, dict[str, Any]]


def python2() -> str:
    """Raises `SystemExit` if there is none."""
    for name in filter(None, (os.environ.get("PYTHON2"), "python2.7", "python2")):
        found, is_it = shutil.which(name), "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
        if found and not subprocess.run([found, "-c", is_it], check=False, capture_output=True).returncode:
            return found
    raise SystemExit("the Autobahn test suite is a program of Python 2.7, and there is none: name one by PYTHON2")


def install(python: str) -> None:
    if (INSTALLED / "autobahntestsuite").is_dir():
        return
    print(f"installing {SUITE} into {INSTALLED}")
    words = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(INSTALLED), SUITE]
    subprocess.run(words, check=True)
    (INSTALLED / "zope" / "__init__.py").touch()  # two packages share that name


async def tried(python: str, cases: list[str]) -> Results:
    """Against a server of this process."""
    with tempfile.TemporaryDirectory() as made:
        async with echoing() as url:
            run = "from autobahntestsuite.wstest import run; run()"
            words = [python, "-c", run, "--mode", "fuzzingclient", "--spec", _spec(made, url, cases)]
            environ = {**os.environ, "PYTHONPATH": str(INSTALLED)}
            await trio.run_process(words, env=environ, capture_stdout=True, capture_stderr=True)
        return _results(made)


def _spec(made: str, url: str, cases: list[str]) -> str:
    spec = {
        "outdir": made,
        "servers": [{"agent": "jelmored", "url": url}],
        "cases": cases,
        "exclude-cases": LEFT_OUT,
        "exclude-agent-cases": {},
    }
    path = Path(made, "spec.json")
    path.write_text(json.dumps(spec))
    return str(path)


def _results(made: str) -> Results:
    results: Results = json.loads(Path(made, "index.json").read_text())["jelmored"]
    return results


def main(cases: list[str]) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    python = python2()
    install(python)
    results = trio.run(tried, python, cases)
    for name, result in sorted(results.items(), key=lambda pair: [int(part) for part in pair[0].split(".")]):
        if (result["behavior"], result["behaviorClose"]) != ("OK", "OK"):
            print(f"{name}: {result['behavior']}, close: {result['behaviorClose']}")
    counts = Counter(result["behavior"] for result in results.values())
    closes = Counter(result["behaviorClose"] for result in results.values())
    print(f"{len(results)} cases: {dict(counts)}; how they closed: {dict(closes)}")
    if {"FAILED", "WRONG CODE", "UNCLEAN"} & {*counts, *closes}:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:] or CASES)
