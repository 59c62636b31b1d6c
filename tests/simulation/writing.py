"""What simulated models say: a function of the request alone, short, with duplicates, ties and mistakes in it."""

from __future__ import annotations

import json
import math
import re
from random import Random

from cordspec.domain.prompt import THINK_CLOSE, prompt_text
from cordspec.plugin import GenerateRequest, Generation, ScoreRequest, TokenLogprobs

WORDS = ("so", "then", "hence", "now", "but")
_STEP = re.compile(r"### Step (\d+)\.")


def written(model: str, request: GenerateRequest) -> Generation:
    """A step, all steps, a final answer, or a merged trace: as it was asked."""
    prompt, rng = prompt_text(request.prompt), Random(f"{model} {request.seed}")
    sent = len(prompt.split())
    if "Below are a problem" in prompt:
        return _merged(rng, sent)
    if prompt.endswith(THINK_CLOSE):
        text = f"\n\nThe final answer is {rng.randrange(30)}."
        return Generation(text, 6, "end", None, sent)
    number = max(map(int, _STEP.findall(prompt)), default=1)
    begun = prompt.endswith(f"### Step {number}.")
    first = number if begun else number + 1
    steps = [_step(rng, at, begun=begun and at == first) for at in range(first, rng.randint(first, first + 2) + 1)]
    one_step = request.stop != (THINK_CLOSE,)
    if one_step:
        closes = first >= 2 and rng.random() < 0.4
        text, stop = steps[0], THINK_CLOSE if closes else request.stop[0]
    else:
        text, stop = "".join(steps), THINK_CLOSE
    tokens = len(text.split())
    if tokens > request.max_tokens or rng.random() < 0.03:
        kept = " ".join(text.split(" ")[: request.max_tokens])
        return Generation(kept, min(tokens, request.max_tokens), "length", None, sent)
    return Generation(text, tokens, "stop", stop, sent)


def _step(rng: Random, number: int, *, begun: bool) -> str:
    if rng.random() < 0.04:
        return ""
    body = " ".join(rng.choice(WORDS) for _ in range(rng.choice((1, 1, 5))))
    return f" {body}" if begun else f"\n### Step {number}. {body}"


def _merged(rng: Random, sent: int) -> Generation:
    if rng.random() < 0.2:
        return Generation("I would rather not.", 4, "end", None, sent)
    steps = {
        f"integrated_step{at}": {"content": _step(rng, at, begun=False).strip(), "category": "progressive"}
        for at in range(1, rng.randint(2, 4))
    }
    text = json.dumps({**steps, "answer_part": [f"\\boxed{{{rng.randrange(30)}}}"]})
    return Generation(text, len(text.split()), "end", None, sent)


def believed(model: str, request: ScoreRequest) -> TokenLogprobs:
    """Log-probabilities of three tokens, coarse enough for ties."""
    prompt = prompt_text(request.prompt)
    rng = Random(f"{model} {prompt}")
    values = tuple(math.log(rng.choice((0.2, 0.5, 0.8))) for _ in range(3))
    return TokenLogprobs(values, len(prompt.split()))
