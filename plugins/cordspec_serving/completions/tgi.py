"""Text Generation Inference: texts to ``/generate``.

Read from huggingface/text-generation-inference at db931fcf (3.3.6): ``router/src/lib.rs``, ``validation.rs`` and
``server/text_generation_server/utils/tokens.py``. It reads texts only and puts special tokens before them as the
tokenizer does; it looks for stop strings where a token ends, keeps them, and takes a few.
"""

from __future__ import annotations

from typing import Any, Final

from cordspec_serving.backend import About, Drawing, Drawn, Ids
from cordspec_serving.completions.generating import GeneratingBackend
from cordspec_serving.completions.spelling import Spelling
from cordspec_serving.connection import Connection
from cordspec_serving.reading import counted, whole

SEEDS: Final = 2**63
STOPS: Final = 4
ENDS: Final = frozenset({"length", "eos_token", "stop_sequence"})
MOVING: Final = "tgi_batch_inference_count"
"""Passes over a batch so far."""


class TgiBackend(GeneratingBackend):
    """One server."""

    def __init__(self, connection: Connection, spelling: Spelling) -> None:
        super().__init__(connection, spelling)
        self._longest: int | None = None
        self._stops = STOPS

    async def about(self) -> About:
        info = await self._connection.get_object("/info")
        self._longest = whole(info.get("max_input_tokens"))
        self._stops = whole(info.get("max_stop_sequences")) or STOPS
        return About(
            f"text-generation-inference {info.get('version', 'of unknown version')}",
            str(info.get("model_id", "")),
            whole(info.get("max_total_tokens")),
            found={
                "weights": f"{info.get('model_id', '')}@{info.get('model_sha') or ''}",
                "prompts": "text",
                "tokens counted": "by the server",
                "longest prompt": self._longest or "not told",
                "moves by": await self._moves_by(),
            },
        )

    async def tokenized(self, text: str) -> Ids:
        tokens = await self._connection.post_for_list("/tokenize", {"inputs": text})
        ids = self._ids(tokens)
        before = self._spelling.before
        return ids[len(before) :] if ids[: len(before)] == before else ids

    async def draw(self, drawing: Drawing) -> Drawn:
        if self._longest is not None and len(drawing.ids) > self._longest:
            return Drawn((), "", True, None, None)
        answer = await self._connection.post(
            "/generate", {"inputs": self._spelling.text(drawing.ids), "parameters": self._parameters(drawing)}
        )
        details = answer.get("details")
        if not isinstance(details, dict) or details.get("finish_reason") not in ENDS:
            raise self._torn("a continuation without its tokens and its end")
        self._answers += 1
        finish = details["finish_reason"]
        ids = self._ids(details.get("tokens"))
        return self._drawn(drawing, ids, ended=finish == "eos_token", cut_off=finish == "length", cached=None)

    def _parameters(self, drawing: Drawing) -> dict[str, object]:
        """Its names for how tokens are drawn; what stands for no limit it refuses, so that is left out."""
        sampling = drawing.sampling
        parameters: dict[str, object] = {
            "max_new_tokens": drawing.max_tokens,
            "do_sample": sampling.temperature > 0,
            "seed": drawing.seed % SEEDS,
            "stop": list(drawing.stop[: self._stops]),
            "details": True,
            "return_full_text": False,
        }
        if sampling.temperature > 0:
            parameters["temperature"] = sampling.temperature
            if sampling.top_p < 1:
                parameters["top_p"] = sampling.top_p
            if sampling.top_k:
                parameters["top_k"] = sampling.top_k
        return parameters

    async def renewed(self) -> bool:
        return await self._connection.renewed("/info")

    async def serves(self) -> tuple[str, ...]:
        info = await self._connection.get_object("/info")
        return tuple(str(info.get(name, "")) for name in ("version", "model_id", "model_sha", "max_total_tokens"))

    async def _moved(self) -> float | None:
        return counted(await self._connection.get("/metrics"), MOVING)

    def _ids(self, tokens: Any) -> Ids:
        try:
            return tuple(int(token["id"]) for token in tokens)
        except (KeyError, TypeError, ValueError):
            raise self._torn("tokens without ids") from None
