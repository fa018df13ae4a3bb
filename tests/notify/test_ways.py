"""What is not wanted is not there, and costs no start-up time."""

from __future__ import annotations

import subprocess
import sys

from jelmored.config.settings import NotifySettings
from jelmored.domain.ids import InstanceId
from jelmored.notify.ways import ways


def names(settings: NotifySettings) -> list[str]:
    return [way.name for way in ways(settings, {}, InstanceId("ins_test"))]


def test_only_what_is_wanted() -> None:
    assert names(NotifySettings()) == ["desktop"]
    assert names(NotifySettings(desktop=False)) == []
    every = NotifySettings(command=("cat",), webhook="http://127.0.0.1/")
    assert names(every) == ["desktop", "command", "webhook"]


def test_without_a_webhook_a_daemon_imports_no_http_client() -> None:
    script = "import sys, jelmored.daemon, jelmored.notify.ways; print('httpx' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "False\n"
