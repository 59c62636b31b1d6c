"""vLLM in this process, by its asynchronous engine: as a server, without the way over HTTP."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, Final

from cordspec.plugin import Unavailable
from cordspec_serving.backend import LOWEST, About, Drawing, Drawn, Ids, NotOffered, Span, Valued
from cordspec_serving.together import together

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

URGENT, USUAL = 0, 1


class Steps:
    """Counts the steps of an engine, in the form of vLLM's `StatLoggerBase`."""

    def __init__(self) -> None:
        self.count = 0

    def record(self, *seen: object, **more: object) -> None:
        """Called after every step."""
        self.count += 1

    def log_engine_initialized(self) -> None:
        """Nothing to say."""

    def log(self) -> None:
        """Nothing to say."""


class InProcessBackend:
    """vLLM's engine with its worker processes, owned by this process."""

    def __init__(self, engine: AsyncLLM, steps: Steps) -> None:
        self._engine = engine
        self._steps = steps
        self._numbers = itertools.count()

    @staticmethod
    async def start(arguments: dict[str, Any]) -> InProcessBackend:
        """Load the model.

        Raises:
            Unavailable: vLLM is not installed here, or cannot load it.
        """
        try:
            from vllm import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise Unavailable(
                f"vLLM in this process needs {error.name}", "install vllm, or let it run as a server"
            ) from error
        try:
            made, steps = AsyncEngineArgs(**arguments, enable_log_requests=False), Steps()
            loggers = [lambda config, number: steps]
            return InProcessBackend(
                await asyncio.to_thread(AsyncLLM.from_engine_args, made, stat_loggers=loggers), steps
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise Unavailable(f"vLLM does not start: {error}") from error

    async def about(self) -> About:
        from vllm import __version__

        config = self._engine.vllm_config
        cache = config.cache_config
        blocks = cache.num_gpu_blocks
        resident = blocks * cache.block_size if blocks else None
        found = {"in process": True}
        return About(
            f"vllm {__version__}", str(config.model_config.model), int(config.model_config.max_model_len), resident,
            int(cache.block_size), found,
        )  # fmt: skip

    async def tokenized(self, text: str) -> Ids:
        tokenizer = self._engine.get_tokenizer()
        return tuple(tokenizer.encode(text, add_special_tokens=False))

    async def draw(self, drawing: Drawing) -> Drawn:
        sampling = drawing.sampling
        output = await self._answer(
            drawing.ids, urgent=drawing.urgent, temperature=sampling.temperature, top_p=sampling.top_p,
            top_k=sampling.top_k, seed=drawing.seed, stop=list(drawing.stop), max_tokens=drawing.max_tokens,
            skip_special_tokens=False, spaces_between_special_tokens=False,
        )  # fmt: skip
        (choice,) = output.outputs
        if choice.finish_reason not in ("stop", "length"):
            raise Unavailable(f"vLLM ended a completion by {choice.finish_reason!r}")
        stop = choice.stop_reason if isinstance(choice.stop_reason, str) else None
        return Drawn(
            tuple(choice.token_ids), choice.text, choice.finish_reason == "length", stop, output.num_cached_tokens
        )

    async def next_tokens(self, span: Span, *, urgent: bool) -> Valued:
        outputs = await together(
            self._answer(
                span.ids[:place], urgent=urgent, temperature=1.0, max_tokens=1, logprobs=1,
                logprob_token_ids=[span.ids[place]], detokenize=False,
            )
            for place in range(span.first, span.last)
        )  # fmt: skip
        values = tuple(
            _finite(output.outputs[0].logprobs[0][token].logprob)
            for output, token in zip(outputs, span.target, strict=True)
        )
        return Valued(values, outputs[-1].num_cached_tokens, len(outputs))

    async def prompt_rows(self, span: Span, *, urgent: bool) -> Valued:
        if not self._engine.vllm_config.use_v2_model_runner:
            raise NotOffered("this model runner selects no rows")
        output = await self._answer(
            span.ids[: span.last], urgent=urgent, temperature=1.0, max_tokens=1, detokenize=False,
            prompt_logprob_start=span.first - 1, prompt_logprob_token_ids=[[token] for token in span.target],
            skip_reading_prefix_cache=False,
        )  # fmt: skip
        rows = output.prompt_token_id_logprobs
        if rows is None or len(rows) != len(span.target):
            return Valued((None,) * len(span.target), output.num_cached_tokens)
        return Valued(tuple(_finite(float(row[0])) for row in rows), output.num_cached_tokens)

    async def held_prompt(self, span: Span, *, urgent: bool) -> Valued:
        output = await self._answer(
            span.ids[: span.last], urgent=urgent, temperature=1.0, max_tokens=1, detokenize=False, prompt_logprobs=0,
            skip_reading_prefix_cache=False,
        )  # fmt: skip
        held = output.num_cached_tokens
        if held is None:
            raise NotOffered("it does not say what it held")
        return Valued(_believed(span, output.prompt_logprobs or (), held), held)

    async def whole_prompt(self, span: Span, *, urgent: bool) -> Valued:
        output = await self._answer(
            span.ids[: span.last], urgent=urgent, temperature=1.0, max_tokens=1, detokenize=False, prompt_logprobs=0
        )
        return Valued(_believed(span, output.prompt_logprobs or (), 0), output.num_cached_tokens)

    async def serves(self) -> tuple[str, ...]:
        return ()  # it cannot become another one

    async def renewed(self) -> bool:
        return False

    async def progress(self) -> float | None:
        """Steps of its engine so far, those that read a part of a prompt included."""
        return self._steps.count

    async def close(self) -> None:
        await asyncio.to_thread(self._engine.shutdown)

    async def _answer(self, ids: Ids, *, urgent: bool, **sampling: Any) -> Any:
        """The finished output of one request; a cancelled one is aborted by the engine."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(output_kind=RequestOutputKind.FINAL_ONLY, **sampling)
        number = str(next(self._numbers))
        last = None
        async for output in self._engine.generate(
            {"prompt_token_ids": list(ids)}, params, number, priority=URGENT if urgent else USUAL
        ):
            last = output
        if last is None:
            raise Unavailable("vLLM ended a request without an answer")
        return last


GUARD: Final = 1
"""The row of a token is made by the position before it: that position must have been computed, not held."""


def _believed(span: Span, rows: Any, held: int) -> tuple[float | None, ...]:
    """The rows of a target that were computed now.

    Rows of held states are memory that nobody wrote; they may look like numbers (vLLM 0.32, first model runner).
    """
    values: list[float | None] = []
    for place, token in zip(range(span.first, span.last), span.target, strict=True):
        computed = held <= place - GUARD
        row = rows[place - span.last] if computed and len(rows) >= span.last - place else None
        values.append(_finite(row[token].logprob) if row and token in row else None)
    return tuple(values)


def _finite(value: float) -> float | None:
    return min(value, 0.0) if LOWEST < value < 1e-3 else None
