"""The process of tests/journal/child.py under strace: what it asks of the kernel, counted, or made to fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TIMEOUT = 120

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")


def traced(path: Path, *options: str, synchronous: str = "full") -> subprocess.CompletedProcess[str]:
    """Let it work through its appends to the journal at `path`. `trace_of` has what strace wrote."""
    child = [sys.executable, "-m", "tests.journal.child", "faults", str(path), synchronous]
    trace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(path.with_name("trace")), *options]
    return subprocess.run([*trace, *child], capture_output=True, text=True, timeout=TIMEOUT, check=False)


def trace_of(path: Path) -> str:
    return path.with_name("trace").read_text()
