"""The demo keeps what every provider has to keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jelmored.config.providers import DemoSettings
from jelmored.domain.ids import ProviderName, new_instance_id
from jelmored.providers.base import BaseProvider
from jelmored.providers.demo.provider import DemoProvider
from jelmored.testing.contract import (
    Harness,
    InterruptContract,
    RecordContract,
    ResumeContract,
    SteerContract,
    TurnContract,
)


class TestDemo(TurnContract, InterruptContract, ResumeContract, RecordContract, SteerContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return _harness(tmp_path)

    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Harness:
        return _harness(tmp_path / "elsewhere")


def _harness(root: Path) -> Harness:
    (root / "work").mkdir(parents=True)

    @asynccontextmanager
    async def opened() -> AsyncIterator[BaseProvider]:
        name, instance_id = ProviderName("demo"), new_instance_id()
        kept = root / "transcripts"
        yield DemoProvider(name, DemoSettings(), instance_id=instance_id, transcripts=kept, pace=0)

    return Harness(
        open_provider=opened,
        cwd=str(root / "work"),
        hello="my dog is called Rex",
        long="steps",
        steered="hello",
    )
