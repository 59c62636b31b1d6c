"""A vLLM server over HTTP, as of vLLM 0.32: token ids to ``/v1/completions`` and ``/inference/v1/generate``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cordspec_serving.backend import About, Drawing, Drawn, Ids, NotOffered, Span, Valued
from cordspec_serving.completion_stream import STREAMED, completion
from cordspec_serving.connection import Connection
from cordspec_serving.failures import Failed, MissingScores
from cordspec_serving.model_list import listed_model
from cordspec_serving.reading import log_probability, whole
from cordspec_vllm.rows import decoded_rows

POSITIONS: Final = 64
"""Prompts of one request that asks for chosen tokens; vLLM takes 128 chosen tokens at most."""
MOVING: Final = re.compile(
    r"^vllm:(?:(?:prompt|generation)_tokens_total|kv_cache_usage_perc)(?:\{.*\})? (\S+)$", re.MULTILINE
)
HELP: Final = "look at its version and its log"
URGENT, USUAL = 0, 1
"""vLLM takes the lower number first, where it was started with priorities."""


class HttpBackend:
    """One vLLM server.

    Args:
        model: the name under which it serves the model; empty for the only one.
    """

    def __init__(self, connection: Connection, model: str) -> None:
        self._connection = connection
        connection.progress = self.progress
        self._model = model
        self._priorities = False
        self._begun = ""

    async def about(self) -> About:
        served = await listed_model(self._connection, self._model)
        self._model = str(served["id"])
        try:
            version = re.search(r'"version"\s*:\s*"([^"]+)"', await self._connection.get("/version"))
        except NotOffered:
            version = None
        cache, self._begun = await self._cache(), await self._process()
        self._priorities = await self._takes_priorities()
        return About(
            f"vllm {version.group(1)}" if version else "a server that tells no version",
            self._model,
            whole(served.get("max_model_len")),
            cache.get("kv_cache_size_tokens"),
            cache.get("block_size"),
            {"weights": str(served.get("root", ""))},
        )

    async def tokenized(self, text: str) -> Ids:
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        answer = await self._connection.post("/tokenize", body)
        try:
            return tuple(map(int, answer["tokens"]))
        except (KeyError, TypeError, ValueError):
            raise self._torn("a tokenization without tokens") from None

    async def draw(self, drawing: Drawing) -> Drawn:
        sampling = drawing.sampling
        body: dict[str, object] = {
            "prompt": list(drawing.ids),
            "max_tokens": drawing.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "seed": drawing.seed,
            "stop": list(drawing.stop),
        }
        choice, usage = await completion(self._connection, self._completions(body | STREAMED, urgent=drawing.urgent))
        try:
            ids, text, finish, stop = (
                choice["token_ids"],
                choice["text"],
                choice["finish_reason"],
                choice["stop_reason"],
            )
            if finish not in ("stop", "length"):
                raise self._torn(f"a completion that ended by {finish!r}")
            return Drawn(tuple(map(int, ids)), str(text), finish == "length", _text(stop), _cached({"usage": usage}))
        except (KeyError, TypeError, ValueError):
            raise self._torn("a completion without ids, text or end") from None

    async def next_tokens(self, span: Span, *, urgent: bool) -> Valued:
        values: list[float | None] = []
        cached: int | None = None
        for begin in range(span.first, span.last, POSITIONS):
            places = range(begin, min(begin + POSITIONS, span.last))
            body: dict[str, object] = {
                "max_tokens": 1,
                "temperature": 1.0,
                "logprobs": 1,
                "logprob_token_ids": sorted({span.ids[place] for place in places}),
                "return_tokens_as_token_ids": True,
                "return_token_ids": False,
            }
            prompts = {"prompt": _beginnings(span.ids, places)}
            answer = await self._post("/v1/completions", self._completions(body, urgent=urgent), prompts)
            if isinstance(answer.get("choices"), list) and len(answer["choices"]) != len(places):
                raise self._missing(len(answer["choices"]), len(places))
            try:
                choices = {int(choice["index"]): choice["logprobs"]["top_logprobs"][0] for choice in answer["choices"]}
                values += [
                    log_probability(choices[at].get(f"token_id:{span.ids[place]}")) for at, place in enumerate(places)
                ]
            except (KeyError, TypeError, ValueError, IndexError, AttributeError):
                raise NotOffered("log-probabilities of chosen tokens") from None
            cached = _cached(answer)
        if all(value is None for value in values):
            raise NotOffered("log-probabilities of chosen tokens")
        return Valued(tuple(values), cached, span.last - span.first)

    async def prompt_rows(self, span: Span, *, urgent: bool) -> Valued:
        sampling = {
            "max_tokens": 1,
            "temperature": 1.0,
            "prompt_logprob_start": span.first - 1,
            "prompt_logprob_token_ids": [[token] for token in span.target],
            "skip_reading_prefix_cache": False,
            "detokenize": False,
        }
        body: dict[str, object] = {
            "model": self._model,
            "token_ids": list(span.ids[: span.last]),
            "sampling_params": sampling,
        }
        answer = await self._post("/inference/v1/generate", self._with_priority(body, urgent=urgent))
        encoded = answer.get("prompt_token_id_logprobs")
        if not isinstance(encoded, str):
            return Valued((None,) * len(span.target), _cached(answer))
        rows = decoded_rows(encoded)
        if len(rows) != len(span.target):
            raise self._missing(len(rows), len(span.target))
        return Valued(tuple(log_probability(row) for row in rows), _cached(answer))

    async def held_prompt(self, span: Span, *, urgent: bool) -> Valued:
        raise NotOffered("over HTTP, rows of held states cannot be told from others")

    async def whole_prompt(self, span: Span, *, urgent: bool) -> Valued:
        body: dict[str, object] = {
            "prompt": list(span.ids[: span.last]),
            "max_tokens": 1,
            "temperature": 1.0,
            "prompt_logprobs": 0,
        }
        choice, cached = await self._completion(body, urgent=urgent)
        rows = choice.get("prompt_logprobs")
        if not isinstance(rows, list):
            raise NotOffered("log-probabilities of a prompt")
        if len(rows) != span.last:
            raise self._missing(len(rows), span.last)
        try:
            found = zip(span.target, rows[span.first :], strict=True)
            values = tuple(log_probability(row[str(token)]["logprob"]) for token, row in found)
        except (KeyError, TypeError):
            message = f"{self._connection.name} sends log-probabilities of other tokens than the prompt's"
            raise MissingScores(message, HELP) from None
        return Valued(values, cached)

    async def progress(self) -> float | None:
        """Prompt and generated tokens since the server began, and how full its memory of states is: a prompt's tokens are
        counted when all of it is read, but its states fill the memory piece by piece.
        """
        try:
            metrics = await self._connection.get("/metrics")
        except NotOffered:
            return None
        found = MOVING.findall(metrics)
        return sum(map(float, found)) if found else None

    async def renewed(self) -> bool:
        opened = await self._connection.renewed("/v1/models")
        before, self._begun = self._begun, await self._process()
        return before != self._begun if self._begun else opened

    async def serves(self) -> tuple[str, ...]:
        served = await listed_model(self._connection, self._model)
        return tuple(str(served.get(name, "")) for name in ("id", "root", "max_model_len"))

    async def close(self) -> None:
        await self._connection.close()

    async def _cache(self) -> dict[str, int]:
        """The sizes of the server's memory of states, from its metrics."""
        try:
            metrics = await self._connection.get("/metrics")
        except NotOffered:
            return {}
        line = re.search(r"^vllm:cache_config_info\{(.*)\} ", metrics, re.MULTILINE)
        labels = re.findall(r'(kv_cache_size_tokens|(?<!\w)block_size)="(\d+)"', line.group(1)) if line else []
        return {name: int(value) for name, value in labels}

    async def _process(self) -> str:
        """When the server was started, as it tells it; empty if it does not."""
        try:
            found = re.search(
                r"^process_start_time_seconds (\S+)$", await self._connection.get("/metrics"), re.MULTILINE
            )
        except NotOffered:
            return ""
        return found.group(1) if found else ""

    async def _takes_priorities(self) -> bool:
        """Whether it takes the number. That it also obeys is not told: vLLM 0.32 takes it however it was started."""
        try:
            await self._post(
                "/v1/completions", {"model": self._model, "prompt": [0], "max_tokens": 1, "priority": USUAL}
            )
        except NotOffered:
            return False
        return True

    async def _completion(self, body: dict[str, object], *, urgent: bool) -> tuple[dict[str, Any], int | None]:
        answer = await self._post("/v1/completions", self._completions(body, urgent=urgent))
        choices = answer.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            raise self._torn("not one completion")
        return choices[0], _cached(answer)

    def _completions(self, body: dict[str, object], *, urgent: bool) -> dict[str, object]:
        """What every completion says, so that no default of a model's configuration decides anything."""
        fixed: dict[str, object] = {
            "model": self._model,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "return_token_ids": True,
        }
        return self._with_priority(fixed | body, urgent=urgent)

    def _with_priority(self, body: dict[str, object], *, urgent: bool) -> dict[str, object]:
        return body | {"priority": URGENT if urgent else USUAL} if self._priorities else body

    async def _post(
        self, path: str, body: dict[str, object], written: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = await self._connection.post(path, body, written)
        return answer

    def _torn(self, what: str) -> Failed:
        return Failed(f"{self._connection.name} sends {what}", HELP)

    def _missing(self, count: int, due: int) -> MissingScores:
        return MissingScores(f"{self._connection.name} sends {count} rows of log-probabilities instead of {due}", HELP)


def _beginnings(ids: Ids, places: range) -> str:
    """The JSON of ``[ids[:place] for place in places]``, for places one after the other: what they share is written once."""
    text = ",".join(map(str, ids[: places[0]]))
    found = []
    for place in places:
        found.append(f"[{text}]")
        text += f",{ids[place]}"
    return f"[{','.join(found)}]"


def _cached(answer: dict[str, Any]) -> int | None:
    try:
        return whole(answer["usage"]["prompt_tokens_details"]["cached_tokens"])
    except (KeyError, TypeError):
        return None


def _text(value: object) -> str | None:
    """A stop string; ids of tokens that end a generation are no stop strings."""
    return value if isinstance(value, str) else None
