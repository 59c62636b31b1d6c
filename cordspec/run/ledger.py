"""What a stage cost, by role: calls, tokens and seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass

from cordspec.domain.inference import Call, Role


@dataclass(slots=True)
class Spend:
    """Sums over calls. ``prompt_tokens`` counts prompts as sent, ``prefilled_tokens`` what of them was computed rather than
    found in held states. ``seconds`` is the engines' time. ``remembered`` counts calls for which no engine was asked anew,
    because the journal or an equal call under way had the answer; they are in the sums with their first cost.
    ``wasted_tokens`` were computed or generated for what no decision needed; no other sum has them.
    """

    calls: int = 0
    remembered: int = 0
    prompt_tokens: int = 0
    prefilled_tokens: int = 0
    generated_tokens: int = 0
    scored_tokens: int = 0
    seconds: float = 0.0
    wasted_tokens: int = 0


class Ledger:
    """The spending of one stage."""

    def __init__(self) -> None:
        self.roles: defaultdict[Role, Spend] = defaultdict(Spend)

    def add(self, call: Call, *, remembered: bool) -> None:
        """Count one call."""
        spend = self.roles[call.role]
        spend.calls += 1
        spend.remembered += remembered
        spend.prompt_tokens += call.prompt_tokens
        spend.prefilled_tokens += call.prefilled
        spend.generated_tokens += call.generated
        spend.scored_tokens += call.scored
        spend.seconds = round(spend.seconds + call.seconds, 6)  # whole microseconds: in any order the same

    def waste(self, call: Call) -> None:
        """Count a call that was made for nothing: a guess that did not come true, a duplicate under another text."""
        self.roles[call.role].wasted_tokens += call.prefilled + call.generated

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {role: asdict(spend) for role, spend in sorted(self.roles.items())}
