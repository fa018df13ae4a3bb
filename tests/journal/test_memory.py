from __future__ import annotations

import pytest

from jelmored.journal.memory import MemoryJournal
from tests.journal.contract import Clock, JournalContract, Make


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def make(self, clock: Clock) -> Make:
        journal = MemoryJournal(now=clock)
        return lambda: journal
