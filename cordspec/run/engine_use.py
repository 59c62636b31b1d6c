"""What the engines did during a stage: how much of the time they computed, how long requests waited, what was reused."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple

from cordspec.extension.kinds.engine import EngineCounters
from cordspec.run.gateway import ModelGateway


class EngineUse:
    """Watches engines from now on.

    Args:
        gateways: those that are used, by the name of a model that stands for each; more may come to it.
        there: all that there are, those included that only other stages or variants have used so far.
    """

    def __init__(self, gateways: Mapping[str, ModelGateway], there: Iterable[ModelGateway]) -> None:
        self._gateways = gateways
        self._begin = time.monotonic()
        self._before = {one: (one.counters, one.asked_seconds) for one in there}

    def room(self) -> int | None:
        """Tokens that the smallest engine can hold: None as long as none was asked, 0 where none says."""
        traits = [one.traits for one in self._gateways.values()]
        known = [one for one in traits if one is not None]
        return min((one.resident for one in known if one.resident), default=0) if known else None

    def as_dict(self) -> dict[str, dict[str, object]]:
        """By model. ``asked_share`` is the share of the time in which it was asked anything, ``busy_share`` that in which it
        computed (None where an engine cannot tell), ``queue_seconds`` the mean wait before a request was begun.
        """
        seconds = max(time.monotonic() - self._begin, 1e-9)
        return {name: self._one(one, seconds) for name, one in sorted(self._gateways.items())}

    def _one(self, gateway: ModelGateway, seconds: float) -> dict[str, object]:
        before, asked_before = self._before.get(gateway, (EngineCounters(), 0.0))
        did = EngineCounters(*(b - a for a, b in zip(astuple(before), astuple(gateway.counters), strict=True)))
        asked = gateway.asked_seconds - asked_before
        return {
            "engine": asdict(gateway.traits) if gateway.traits is not None else None,
            "requests": did.requests,
            "prefilled_tokens": did.prefilled,
            "reused_tokens": did.reused,
            "generated_tokens": did.generated,
            "repeated_calls": did.repeated,
            "censored": did.censored,
            "failed_scores": did.failed_scores,
            "orphaned_tokens": did.orphaned,
            "asked_share": round(asked / seconds, 4),
            "busy_share": round(did.busy / seconds, 4) if did.busy else None,
            "queue_seconds": round(did.queued / did.requests, 6) if did.requests else 0.0,
        }
