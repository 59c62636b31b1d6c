"""llama.cpp's own server: token ids to ``/completion``.

Read from ``tools/server/README.md`` of ggml-org/llama.cpp at 00dc8057. It gives no log-probabilities of a prompt.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cordspec_serving.backend import About, Drawing, Drawn, Ids
from cordspec_serving.completions.generating import GeneratingBackend
from cordspec_serving.reading import whole

SEEDS: Final = 2**32 - 1
"""The largest number of 32 bits asks for a random seed."""
PLAIN: Final[dict[str, object]] = {
    "samplers": ["temperature", "top_k", "top_p"],  # in this order elsewhere; llama.cpp's own ends with the temperature
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "cache_prompt": True,
    "return_tokens": True,
    "stream": False,
}
ENDS: Final = frozenset({"eos", "limit", "word"})


class LlamaCppBackend(GeneratingBackend):
    """One server."""

    async def about(self) -> About:
        props = await self._connection.get_object("/props")
        settings = props.get("default_generation_settings")
        context = whole(settings.get("n_ctx")) if isinstance(settings, dict) else None
        return About(
            f"llama.cpp {props.get('build_info', 'of unknown version')}",
            str(props.get("model_path", "")),
            context,
            found={
                "weights": str(props.get("model_path", "")),
                "prompts": "token ids",
                "tokens counted": "by the server",
                "slots": whole(props.get("total_slots")) or "not told",
                "moves by": await self._moves_by(),
            },
        )

    async def tokenized(self, text: str) -> Ids:
        answer = await self._connection.post(
            "/tokenize", {"content": text, "add_special": False, "parse_special": False}
        )
        tokens = answer.get("tokens")
        if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
            raise self._torn("a tokenization without tokens")
        return tuple(tokens)

    async def draw(self, drawing: Drawing) -> Drawn:
        sampling = drawing.sampling
        body: dict[str, object] = PLAIN | {
            "prompt": list(drawing.ids),
            "n_predict": drawing.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "seed": drawing.seed % SEEDS,
            "stop": list(drawing.stop),
        }
        answer = await self._connection.post("/completion", body)
        if answer.get("truncated") is True:
            raise self._torn("the continuation of a prompt that it cut")
        self._check_read(whole(answer.get("tokens_evaluated")), drawing.ids)
        kind = answer.get("stop_type")
        if kind not in ENDS:
            raise self._torn(f"a continuation that ended by {kind!r}")
        self._answers += 1
        cut_off = kind == "limit"
        return self._drawn(
            drawing, self._ids(answer), ended=kind == "eos", cut_off=cut_off, cached=_cached(answer.get("timings"))
        )

    async def renewed(self) -> bool:
        return await self._connection.renewed("/props")

    async def serves(self) -> tuple[str, ...]:
        props = await self._connection.get_object("/props")
        return tuple(str(props.get(name, "")) for name in ("build_info", "model_path"))

    async def _moved(self) -> float | None:
        """What its slots are working on: tasks and tokens so far."""
        slots = await self._connection.get("/slots")
        found = re.findall(r'"(?:id_task|n_decoded|n_prompt_tokens_processed)"\s*:\s*(\d+)', slots)
        return float(sum(map(int, found))) if found else None

    def _ids(self, answer: dict[str, Any]) -> Ids:
        try:
            return tuple(map(int, answer["tokens"]))
        except (KeyError, TypeError, ValueError):
            raise self._torn("a continuation without tokens") from None


def _cached(timings: object) -> int | None:
    return whole(timings.get("cache_n")) if isinstance(timings, dict) else None
