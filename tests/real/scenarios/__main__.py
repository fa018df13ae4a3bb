"""Lives a scenario and writes what came as a capture: `python -m tests.real.scenarios NAME > NAME.jsonl`."""

from __future__ import annotations

import json
import sys

import trio

from .scenario import play
from .table import SCENARIOS

(name,) = sys.argv[1:]
for entry in trio.run(play, SCENARIOS[name]).entries:
    print(json.dumps({"dir": entry.direction, "t": entry.time, "msg": entry.message}))
