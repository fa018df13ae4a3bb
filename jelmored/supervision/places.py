"""How many agents may be at work: per provider and in all. When full, the longest-idle one is asked to go to sleep."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

import trio

from jelmored.domain.ids import ProviderName


class Tenant(Protocol):
    """Whoever holds a place, or wants one."""

    provider_name: ProviderName

    @property
    def idle_since(self) -> float | None:
        """Trio's time since which it has nothing to do; None while it has."""

    def want_sleep(self) -> None:
        """Ask it to give its place back. It may be too busy to."""


class Places:
    """The places of all providers.

    Args:
        total: agents at work at once, over all providers.
        limits: the same, for each provider.
    """

    def __init__(self, total: int, limits: dict[ProviderName, int]) -> None:
        self._total = total
        self._limits = limits
        self._tenants: list[Tenant] = []
        self._doors: dict[ProviderName, trio.StrictFIFOLock] = defaultdict(trio.StrictFIFOLock)
        self._stirred = trio.Event()

    def resize(self, total: int, limits: dict[ProviderName, int]) -> None:
        """So many from now on. Whoever has one keeps it, also where there are too many now."""
        self._total, self._limits = total, limits
        self.stir()

    @property
    def total(self) -> int:
        return self._total

    @property
    def taken(self) -> int:
        return len(self._tenants)

    def count(self, provider: ProviderName) -> int:
        return sum(tenant.provider_name == provider for tenant in self._tenants)

    def limit(self, provider: ProviderName) -> int:
        return self._limits[provider]

    def why_full(self, provider: ProviderName) -> str | None:
        """Why another agent would have to wait for somebody who is at work; None: it would not, or not for long."""
        crowd = self._crowd(provider)
        if not crowd or any(tenant.idle_since is not None for tenant in crowd):
            return None
        own = self.count(provider) >= self._limits[provider]
        return (
            f"all {self._limits[provider]} places are taken"
            if own
            else f"all {self._total} places of the daemon are taken"
        )

    def take_nowait(self, tenant: Tenant) -> bool:
        """True if there was a place, and nobody waits for it."""
        if self._doors[tenant.provider_name].locked() or self._crowd(tenant.provider_name):
            return False
        self._tenants.append(tenant)
        return True

    async def take(self, tenant: Tenant) -> None:
        """Wait for a place, in the order of coming."""
        async with self._doors[tenant.provider_name]:
            while crowd := self._crowd(tenant.provider_name):
                self._ask_one(crowd)
                await self._stirred.wait()
            self._tenants.append(tenant)

    def give_back(self, tenant: Tenant) -> None:
        if tenant in self._tenants:
            self._tenants.remove(tenant)
            self.stir()

    def stir(self) -> None:
        """Somebody left or became idle: whoever waits looks again."""
        self._stirred.set()
        self._stirred = trio.Event()

    def _crowd(self, provider: ProviderName) -> list[Tenant]:
        """Those of whom one must go before this provider can have another agent; empty if there is room."""
        own = [tenant for tenant in self._tenants if tenant.provider_name == provider]
        if len(own) >= self._limits[provider]:
            return own
        return list(self._tenants) if len(self._tenants) >= self._total else []

    def _ask_one(self, crowd: list[Tenant]) -> None:
        idle = [(tenant.idle_since, index) for index, tenant in enumerate(crowd) if tenant.idle_since is not None]
        if idle:
            crowd[min(idle)[1]].want_sleep()
