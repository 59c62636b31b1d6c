"""What simulated teachers write: steps of drawn lengths. A request alone decides what is written, never when it comes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

from cordspec.domain.inference import GenerateRequest, Generation
from cordspec.domain.prompt import THINK_CLOSE, prompt_text
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.plan.assumptions import Assumptions
from cordspec.run.simulating.texts import count_tokens, marked, pieces_of

SHORTEST: Final = 8
"""No step is shorter than this many tokens."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes traces of ``assumed.steps`` steps whose lengths are lognormal with mean ``assumed.step_tokens`` and
    coefficient of variation ``cv``. The length of a step includes its header.
    """

    segmenter: Segmenter
    assumed: Assumptions
    cv: float

    def write(self, request: GenerateRequest) -> Generation:
        """One step, where the request stops at the next; otherwise everything up to the end of the thinking; after
        ``</think>`` the final answer.
        """
        prompt = prompt_text(request.prompt)
        sent = count_tokens(prompt)
        if prompt.endswith(THINK_CLOSE):
            tokens = min(self.assumed.answer_tokens, request.max_tokens)
            return Generation(marked(f"\n\n{request.seed:x}", tokens), tokens, "end", None, sent)
        first = len(pieces_of(prompt)[0])  # the opening is a piece, and each step
        one_step = any(stop != THINK_CLOSE for stop in request.stop)
        last = first if one_step else max(first, self.assumed.steps)
        text, tokens = "", 0
        for number in range(first, last + 1):
            drawn = self._tokens(request.seed, number)
            drawn = min(drawn, request.max_tokens - tokens)
            text += self._beginning(number) + marked(f" {request.seed:x}-{number}", drawn)
            tokens += drawn
            if tokens == request.max_tokens:
                return Generation(text, tokens, "length", None, sent)
        stop = THINK_CLOSE if last >= self.assumed.steps else request.stop[0]
        return Generation(text, tokens, "stop", stop, sent)

    def _beginning(self, number: int) -> str:
        """What ended the step before."""
        return self.segmenter.stops(number - 1)[0] if number > 1 else ""

    def _tokens(self, seed: int, number: int) -> int:
        spread = math.log(1 + self.cv**2)
        mean = math.log(self.assumed.step_tokens) - spread / 2
        return max(SHORTEST, round(Random(f"{seed} {number}").lognormvariate(mean, math.sqrt(spread))))
