"""What settings mean to the parts of the daemon; test_reloading.py has each key."""

from __future__ import annotations

from pathlib import Path

from jelmored import meaning
from jelmored.config.settings import FailoverSettings, Settings
from jelmored.domain.ids import InstanceId, ProviderName
from jelmored.domain.requirements import Optimize
from jelmored.providers import registry


def test_wishes_are_in_the_order_of_their_weight() -> None:
    settings = Settings(cost_optimization=True, load_balancing=True)

    assert meaning.policy(settings).optimize == (Optimize.COST, Optimize.LOAD)


def test_failover_goes_by_its_order() -> None:
    order = (ProviderName("b"), ProviderName("a"))

    assert meaning.policy(Settings(failover=FailoverSettings(order=order))).failover_order == order


def test_the_demo_is_not_chosen_by_itself(tmp_path: Path) -> None:
    settings = Settings()
    specs = meaning.specs(settings, registry.build(settings, InstanceId("ins_x"), tmp_path))

    assert {spec.type: spec.by_itself for spec in specs} == {"claude": True, "opencode": True, "demo": False}
    assert {spec.type: spec.default_model for spec in specs} == {"claude": "default", "opencode": None, "demo": None}
