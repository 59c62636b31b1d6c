"""What a stage cost, by role: calls, tokens and seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass

from cordspec.domain.inference import Generation, Role, TokenLogprobs


@dataclass(slots=True)
class Spend:
    """Sums over calls. ``prompt_tokens`` counts prompts as sent, whether or not their states were held already.

    ``seconds`` is the engines' busy time; ``remembered`` counts calls that the journal answered, with their first cost.
    """

    calls: int = 0
    remembered: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    scored_tokens: int = 0
    seconds: float = 0.0


class Ledger:
    """The spending of one stage."""

    def __init__(self) -> None:
        self.roles: defaultdict[Role, Spend] = defaultdict(Spend)

    def add(self, role: Role, answer: Generation | TokenLogprobs, seconds: float, *, remembered: bool) -> None:
        spend = self.roles[role]
        spend.calls += 1
        spend.remembered += remembered
        spend.prompt_tokens += answer.prompt_tokens
        spend.seconds += seconds
        if isinstance(answer, Generation):
            spend.generated_tokens += answer.tokens
        else:
            spend.scored_tokens += len(answer.values)

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {role: asdict(spend) for role, spend in sorted(self.roles.items())}
