"""Plain transformers in float32, the whole string in one pass, no cache: what engines are held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec.plugin import Prompt, ScoreRequest, prompt_text


class PlainTransformers:
    """An oracle over a directory of weights. Prompts must hold special tokens in their templates only."""

    def __init__(self, weights: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
        self._model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32, local_files_only=True).eval()
        self._known: dict[ScoreRequest, list[float]] = {}

    def logprobs(self, request: ScoreRequest) -> Sequence[float]:
        if request not in self._known:
            prompt = prompt_text(request.prompt)
            start, end = len(prompt), len(prompt) + len(request.target)
            whole = self._encoded(prompt + request.target + request.after)
            rows = self._rows(whole["input_ids"])
            self._known[request] = [
                rows[at - 1, whole["input_ids"][at]].item()
                for at, (first, last) in enumerate(whole["offset_mapping"])
                if first < end and last > start
            ]
        return self._known[request]

    def next_logprobs(self, prompt: Prompt, text: str) -> Sequence[tuple[float, float]]:
        before = self._encoded(prompt_text(prompt))["input_ids"]
        ids = self._encoded(prompt_text(prompt) + text)["input_ids"]
        rows = self._rows(ids)
        return [(rows[at - 1, ids[at]].item(), rows[at - 1].max().item()) for at in range(len(before), len(ids))]

    def length(self, text: str) -> int:
        return len(self._encoded(text)["input_ids"])

    def _encoded(self, text: str):
        return self._tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)

    @torch.inference_mode()
    def _rows(self, ids: list[int]) -> torch.Tensor:
        return torch.log_softmax(self._model(torch.tensor([ids]), use_cache=False).logits[0].float(), dim=-1)
