from __future__ import annotations

import resource

import pytest

from jelmored import limits


@pytest.mark.parametrize(
    ("soft", "hard", "wanted"),
    [
        (1024, 524_288, limits.OPEN_FILES),
        (1024, 2048, 2048),
        (1024, resource.RLIM_INFINITY, limits.OPEN_FILES),
        (65_536, 524_288, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
        (1024, 1024, None),
    ],
)
def test_it_is_raised_as_far_as_it_may_and_never_lowered(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int | None
) -> None:
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: done.append(both))
    limits.raise_open_files()
    assert done == ([] if wanted is None else [(wanted, hard)])


def test_no_image_of_memory_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4096, 8192))
    monkeypatch.setattr(resource, "setrlimit", lambda which, both: done.append((which, both)))
    limits.forbid_cores()
    assert done == [(resource.RLIMIT_CORE, (0, 8192))]
