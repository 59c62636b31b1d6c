"""What a plan has to assume about traces that nobody has written yet. Every plan prints them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cordspec.model.blocks import Budget


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Sizes of traces, in steps and tokens: the reference point of the project's cost model, a mathematics problem."""

    steps: int = 25
    step_tokens: int = 400
    prompt_tokens: int = 300
    answer_tokens: int = 200
    reference_tokens: int = 10
    cue_tokens: int = 16
    """What is put between a prefix and the reference answer when it is scored."""
    boundary_tokens: int = 16
    """What an engine computes again at the end of a held prefix, for it holds whole blocks only."""

    @property
    def trace_tokens(self) -> int:
        return self.steps * self.step_tokens

    def within(self, budget: Budget, max_step: int) -> Assumptions:
        """The same, not longer than a decode allows."""
        step = min(self.step_tokens, max_step, budget.thinking)
        steps = max(1, min(self.steps, budget.steps, budget.thinking // step))
        return replace(self, steps=steps, step_tokens=step, answer_tokens=min(self.answer_tokens, budget.answer))
