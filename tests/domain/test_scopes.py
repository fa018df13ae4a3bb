from __future__ import annotations

from jelmored.domain.scopes import Scope


def test_a_scope_includes_those_below() -> None:
    assert Scope.ADMIN.includes(Scope.OBSERVER)
    assert Scope.OPERATOR.includes(Scope.OPERATOR)
    assert not Scope.OBSERVER.includes(Scope.OPERATOR)
