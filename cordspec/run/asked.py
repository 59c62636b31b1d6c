"""What an evaluation asked: templates, data and sampling of its requests, so that comparisons can be refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from cordspec.domain.inference import GenerateRequest
from cordspec.domain.prompt import Prompt, prompt_text

MOST: Final = 8
"""Different templates or samplings that are written down."""
DATA: Final = "{}"
"""Stands for data in a template."""


class Asked:
    """Collects the requests of an evaluation, problem by problem."""

    def __init__(self) -> None:
        self._digests: dict[int, str] = {}
        self._templates: dict[str, None] = {}
        self._samplings: dict[str, dict[str, object]] = {}
        self._example = ""

    def note(self, place: int, requests: Sequence[GenerateRequest]) -> None:
        """The requests of the problem at a place."""
        data = sorted({_data(request.prompt) for request in requests})
        self._digests[place] = hashlib.sha256(json.dumps(data).encode()).hexdigest()
        for request in requests:
            self._templates.setdefault(_template(request.prompt))
            sampling = _sampling(request)
            self._samplings.setdefault(json.dumps(sampling, sort_keys=True), sampling)
        if place == 0 and requests:
            self._example = prompt_text(requests[0].prompt)

    def as_dict(self) -> dict[str, object]:
        """``data`` identifies what was asked, in the problems' order, whatever template a model wraps around it."""
        whole = hashlib.sha256("".join(digest for _, digest in sorted(self._digests.items())).encode()).hexdigest()
        return {
            "data": whole,
            "templates": sorted(self._templates)[:MOST],
            "sampling": [one for _, one in sorted(self._samplings.items())][:MOST],
            "first_prompt": self._example,
        }


def _data(prompt: Prompt) -> str:
    return "".join(segment.text for segment in prompt if not segment.template)


def _template(prompt: Prompt) -> str:
    return "".join(segment.text if segment.template else DATA for segment in prompt if segment.text)


def _sampling(request: GenerateRequest) -> dict[str, object]:
    sampling = request.sampling
    return {
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k, "stop": list(request.stop),
        "max_tokens": request.max_tokens, "min_tokens": request.min_tokens,
    }  # fmt: skip
