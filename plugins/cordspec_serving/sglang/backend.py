"""An SGLang server over HTTP: token ids to ``/generate``, a prompt's log-probabilities by ``logprob_start_len``.

Read from the source of SGLang 0.5.23 as published on PyPI (``srt/managers/io_struct.py``, ``schedule_batch.py``,
``tokenizer_manager.py``, ``scheduler_components/logprob_result_processor.py``, ``srt/sampling/sampling_params.py``,
``srt/entrypoints/http_server.py``). No SGLang was run. What that source says, and is relied upon here:

* held states are used up to ``logprob_start_len`` and no further, so that every row asked for is computed;
* the answer begins with an entry for the token at that place whose value is null, then one entry for each token after it;
* a number that JSON cannot say is written as null.
"""

from __future__ import annotations

from typing import Any, Final

from cordspec_serving.backend import About, Drawing, Drawn, Ids, NotOffered, Span, Valued
from cordspec_serving.connection import Connection
from cordspec_serving.failures import Failed
from cordspec_serving.reading import counted, log_probability, whole
from cordspec_serving.sglang.prompt_rows import read_rows
from cordspec_serving.together import together

SEEDS: Final = 2**63
PLAIN: Final[dict[str, object]] = {
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
}
"""What every request says, so that no default of a model's configuration decides anything."""
UNCHANGED: Final[dict[str, object]] = {"temperature": 1.0, "top_p": 1.0, "top_k": -1}
"""Under these, log-probabilities are the model's own: SGLang divides logits by the temperature before it takes them."""
MOVING: Final = "sglang:(?:realtime|prompt|generation)_tokens_total"


class SglangBackend:
    """One SGLang server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seeds = False
        self._priorities: dict[bool, int] = {}
        self._answers = 0

    async def about(self) -> About:
        await self._connection.get("/health")
        info = await self._info()
        if info.get("enable_priority_scheduling") is True:
            low_first = info.get("schedule_low_priority_values_first") is True
            self._priorities = {True: 0, False: 1} if low_first else {True: 1, False: 0}
        self._seeds = await self._takes_seeds()
        reuses = info.get("disable_radix_cache") is not True
        found: dict[str, str | int | float | bool] = {
            "weights": str(info.get("model_path", "")),
            "priorities": bool(self._priorities),
            "states are kept": reuses,
            "moves by": "tokens" if await self._moved() is not None else "answers",
        }
        if isinstance(info.get("dtype"), str):
            found["number format"] = info["dtype"]
        return About(
            f"sglang {info.get('version', 'of unknown version')}",
            str(info.get("served_model_name") or info.get("model_path", "")),
            whole(info.get("max_req_input_len")),
            whole(info.get("max_total_num_tokens")),
            whole(info.get("page_size")),
            found,
        )

    async def tokenized(self, text: str) -> Ids:
        answer = await self._connection.post("/tokenize", {"prompt": text, "add_special_tokens": False})
        try:
            return tuple(map(int, answer["tokens"]))
        except (KeyError, TypeError, ValueError):
            raise self._torn("a tokenization without tokens") from None

    async def draw(self, drawing: Drawing) -> Drawn:
        sampling = drawing.sampling
        params: dict[str, object] = {
            "max_new_tokens": drawing.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "stop": list(drawing.stop),
        }
        if self._seeds:
            params["sampling_seed"] = drawing.seed % SEEDS
        answer, meta = await self._generated(drawing.ids, params, urgent=drawing.urgent)
        try:
            ids, text, finish = tuple(map(int, answer["output_ids"])), str(answer["text"]), meta["finish_reason"]
            kind, matched = finish["type"], finish.get("matched")
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._torn("a continuation without ids, text or end") from None
        if kind not in ("stop", "length"):
            raise self._torn(f"a continuation that ended by {kind!r}")
        stop = matched if isinstance(matched, str) else None
        return Drawn(ids, text, kind == "length", stop, whole(meta.get("cached_tokens")))

    async def next_tokens(self, span: Span, *, urgent: bool) -> Valued:
        found = await together(
            self._next(span.ids[:place], span.ids[place], urgent) for place in range(span.first, span.last)
        )
        return Valued(tuple(value for value, _ in found), found[-1][1], len(found))

    async def prompt_rows(self, span: Span, *, urgent: bool) -> Valued:
        return await self._rows(span, span.first - 1, urgent)

    async def held_prompt(self, span: Span, *, urgent: bool) -> Valued:
        raise NotOffered("SGLang computes every row that it gives")

    async def whole_prompt(self, span: Span, *, urgent: bool) -> Valued:
        return await self._rows(span, 0, urgent)

    async def serves(self) -> tuple[str, ...]:
        info = await self._info()
        return tuple(str(info.get(name, "")) for name in ("version", "model_path", "max_req_input_len", "dtype"))

    async def renewed(self) -> bool:
        return await self._connection.renewed("/health")

    async def progress(self) -> float | None:
        """Tokens since the server began, where it counts them in the open; else its answers so far."""
        moved = await self._moved()
        return self._answers if moved is None else moved

    async def close(self) -> None:
        await self._connection.close()

    async def _rows(self, span: Span, start: int, urgent: bool) -> Valued:
        """The target's rows by one pass over the prompt from ``start``, at most the place before the target."""
        _, meta = await self._generated(
            span.ids[: span.last], {"max_new_tokens": 0, **UNCHANGED}, urgent=urgent, return_logprob=True,
            logprob_start_len=start, top_logprobs_num=0, return_text_in_logprobs=False,
        )  # fmt: skip
        if meta.get("input_token_logprobs") is None:
            raise NotOffered("log-probabilities of a prompt")
        values = read_rows(meta["input_token_logprobs"], span, start, self._connection.name)
        return Valued(values, whole(meta.get("cached_tokens")))

    async def _next(self, ids: Ids, token: int, urgent: bool) -> tuple[float | None, int | None]:
        """A token's log-probability as the next one, and how much of the prompt was held."""
        _, meta = await self._generated(
            ids, {"max_new_tokens": 1, **UNCHANGED}, urgent=urgent, return_logprob=True, logprob_start_len=-1,
            token_ids_logprob=[token],
        )  # fmt: skip
        try:
            value, chosen = meta["output_token_ids_logprobs"][0][0][:2]
        except (KeyError, TypeError, ValueError, IndexError):
            raise NotOffered("log-probabilities of chosen tokens") from None
        if chosen != token:
            raise self._torn("the log-probability of another token than the one asked for")
        return log_probability(value), whole(meta.get("cached_tokens"))

    async def _generated(
        self, ids: Ids, sampling: dict[str, object], *, urgent: bool, **more: object
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        body: dict[str, object] = {"input_ids": list(ids), "sampling_params": PLAIN | sampling, "stream": False, **more}
        if self._priorities:
            body["priority"] = self._priorities[urgent]
        answer = await self._connection.post("/generate", body)
        meta = answer.get("meta_info")
        if not isinstance(meta, dict):
            raise self._torn("an answer without `meta_info`")
        if meta.get("prompt_tokens") != len(ids):
            raise self._torn(f"the answer to a prompt of {meta.get('prompt_tokens')} tokens instead of {len(ids)}")
        self._answers += 1
        return answer, meta

    async def _info(self) -> dict[str, Any]:
        try:
            return await self._connection.get_object("/server_info")
        except NotOffered:  # its name before version 0.5.6
            return await self._connection.get_object("/get_server_info")

    async def _takes_seeds(self) -> bool:
        """Whether it knows the word; that it also obeys is tried by drawing, and depends on how it was started."""
        try:
            await self._generated((0,), {"max_new_tokens": 1, "sampling_seed": 1, **UNCHANGED}, urgent=False)
        except NotOffered:
            return False
        return True

    async def _moved(self) -> float | None:
        try:
            return counted(await self._connection.get("/metrics"), MOVING)
        except NotOffered:
            return None

    def _torn(self, what: str) -> Failed:
        return Failed(f"{self._connection.name} sends {what}", "look at its version and its log")
