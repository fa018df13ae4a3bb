from __future__ import annotations

from pathlib import Path

import pytest

from jelmored.journal.sqlite import SqliteJournal
from tests.journal.contract import Clock, JournalContract, Make


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def make(self, clock: Clock, tmp_path: Path) -> Make:
        return lambda: SqliteJournal(tmp_path / "state" / "journal.db", now=clock)
