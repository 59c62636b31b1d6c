"""Served models as an engine: text to token ids on our side, ids to servers, numbers back."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cordspec.plugin import (
    THINK_CLOSE,
    THINK_OPEN,
    EngineCounters,
    EngineTraits,
    Finish,
    GenerateRequest,
    Generation,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    Unavailable,
    prompt_text,
)
from cordspec_api.retrying import RetryBudget, pause_before
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.prompting.frame import PromptFrame
from cordspec_hf.stopping import TORN
from cordspec_serving.asking import PAUSES, Asking
from cordspec_serving.attempt import Attempt, attempted, count_orphans
from cordspec_serving.backend import Backend, Drawing, Drawn, Ids, NotOffered, Span
from cordspec_serving.clocks import Clocks
from cordspec_serving.failures import BadScores, DeadlinePassed, Failed
from cordspec_serving.probing import Probed, probe
from cordspec_serving.replicas import Replica, Replicas
from cordspec_serving.score_quality import ScoreQuality
from cordspec_serving.scoring import ROUTES, complete_values
from cordspec_serving.together import together

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SECOND_SEED: Final = 0x5DEECE66D
"""Added to the seed where a request is drawn in two parts."""
LONGEST_SEED: Final = 2**63


class ServedEngine:
    """A model on one or several servers.

    Args:
        attach: starts what has to be started and gives the replicas; called once, when something is first asked.
        dtype: the servers' number format, as far as it is known.
        clocks: how long they are waited for.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, frame: PromptFrame, attach: Callable[[], Awaitable[Sequence[Backend]]],
        dtype: str, clocks: Clocks,
    ) -> None:  # fmt: skip
        self._tokenizer = tokenizer
        self._frame = frame
        self._encoder = PromptEncoder(tokenizer)
        self._attach = attach
        self._dtype = dtype
        self._clocks = clocks
        self._attaching: asyncio.Task[None] | None = None
        self._replicas = Replicas(())
        self._budget = RetryBudget()
        self._asking = Asking(self._replicas, self._budget, clocks.deadline, self._count_orphans)
        self._quality = ScoreQuality()
        self._censored = self._orphaned = 0
        self._probed: Probed | None = None
        self._prefilled = self._reused = self._generated = self._requests = 0

    @property
    def counters(self) -> EngineCounters:
        busy = sum(one.busy for one in self._replicas.all)
        return EngineCounters(
            self._prefilled, self._reused, self._generated, self._requests, busy, repeated=self._budget.repeated,
            censored=self._censored, failed_scores=self._quality.failed, orphaned=self._orphaned,
        )  # fmt: skip

    @property
    def traits(self) -> EngineTraits | None:
        if self._probed is None:
            return None
        about, found = self._probed.about, {**self._probed.found, "replicas": len(self._replicas.all)}
        resident = about.resident * len(self._replicas.all) if about.resident is not None else None
        reused = self._probed.found["prefixes reused"]
        return EngineTraits(
            about.version,
            about.context,
            resident,
            (about.block or 1) if reused else 0,
            self._probed.route,
            found,
            self._probed.identity.known,
        )

    def opening(self, question: str) -> Prompt:
        return self._frame.around(question)

    def count_tokens(self, text: str) -> int:
        return len(self._encode(text))

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        await self._attached()
        return await asyncio.gather(*map(self._generation, requests))

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        await self._attached()
        return await asyncio.gather(*map(self._scored, requests))

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise Unavailable("this engine gives no rewards of steps", "name a reward model that is run locally")

    async def close(self) -> None:
        if self._attaching is not None:
            self._attaching.cancel()
            await asyncio.wait([self._attaching])
        await self._replicas.close()

    # attaching

    async def _attached(self) -> None:
        """Wait until the servers are there and have been tried; what fails is tried again when asked again."""
        if self._attaching is None or (self._attaching.done() and self._probed is None):
            self._attaching = asyncio.ensure_future(self._begin())
        await asyncio.shield(self._attaching)

    async def _begin(self) -> None:
        backends = await self._attach()
        replicas = [Replica(backend, self._clocks.patience) for backend in backends]
        try:
            probed = await together(self._tried(one) for one in replicas)
            _alike(probed)
        except BaseException as error:
            for replica in replicas:
                await replica.close()
            if not isinstance(error, NotOffered):
                raise
            message = f"a server does not take what every request needs: {error}"
            raise Unavailable(message, "look at its settings and its log, and at the key") from None
        if probed[0].warning:
            logging.getLogger(__name__).warning("%s: %s", probed[0].about.version, probed[0].warning)
        for replica, found in zip(replicas, probed, strict=True):
            replica.knows(found.identity, f"a server of {found.about.model or 'the model'}")
        self._replicas, self._probed = Replicas(replicas), probed[0]
        self._asking = Asking(self._replicas, self._budget, self._clocks.deadline, self._count_orphans)

    async def _tried(self, replica: Replica) -> Probed:
        """What a server was found to be; one that cannot be reached just now is tried again after pauses."""
        for pause in (*PAUSES, None):
            try:
                with attempted(Attempt(self._budget, repeated=False)):
                    return await replica.do(probe(replica.backend, self._encode, self._dtype))
            except Failed as error:
                if pause is None or not (error.lost or error.busy):
                    raise
                await asyncio.sleep(pause_before(0, (pause,), error.after))
        raise AssertionError("the last try gives something or raises")

    # generation

    async def _generation(self, request: GenerateRequest) -> Generation:
        ids = self._encoder.encode(request.prompt).ids
        room = self._room(request.max_tokens, ids)
        if room < 1:
            return Generation("", 0, "length")
        drawing = Drawing(ids, request.sampling, request.seed, room, request.stop)
        try:
            drawn = await self._asking.ask(
                _problem(request.prompt), lambda backend: self._drawn(backend, drawing, request.min_tokens)
            )
        except DeadlinePassed:
            self._censored += 1
            return Generation("", 0, "deadline", None, len(ids), len(ids))
        except NotOffered as error:
            raise Unavailable(
                f"a server does not take a request: {error}", "look at its settings and its log"
            ) from None
        self._count(len(ids), drawn.cached, len(drawn.ids))
        finish: Finish = "stop" if drawn.stop is not None else "length" if drawn.cut_off else "end"
        return Generation(drawn.text, len(drawn.ids), finish, drawn.stop, len(ids), len(ids) - (drawn.cached or 0))

    async def _drawn(self, backend: Backend, drawing: Drawing, min_tokens: int) -> Drawn:
        """A continuation in whose first tokens only the end of thinking is looked for.

        The second part goes on from the ids of the first, so no token is broken at the seam.
        """
        if not min_tokens or drawing.stop == (THINK_CLOSE,):
            return await backend.draw(drawing)
        always = tuple(stop for stop in drawing.stop if stop == THINK_CLOSE)
        least = min(min_tokens, drawing.max_tokens)
        first = await backend.draw(Drawing(drawing.ids, drawing.sampling, drawing.seed, least, always, drawing.urgent))
        left = drawing.max_tokens - len(first.ids)
        if not first.cut_off or left < 1:
            return first
        seed = (drawing.seed + SECOND_SEED) % LONGEST_SEED
        try:
            second = await backend.draw(
                Drawing(drawing.ids + first.ids, drawing.sampling, seed, left, drawing.stop, drawing.urgent)
            )
        except BaseException:
            count_orphans(len(first.ids))
            raise
        ids = first.ids + second.ids
        text = self._decode(ids if second.stop is not None or second.cut_off else ids[:-1])
        if second.stop is not None:
            text = text[: text.index(second.stop, len(self._decode(first.ids).rstrip(TORN)))]
        return Drawn(ids, text, second.cut_off, second.stop, first.cached)

    # scoring

    async def _scored(self, request: ScoreRequest) -> TokenLogprobs:
        assert self._probed is not None
        route = self._probed.route
        if not route:
            raise Unavailable(
                f"{self._probed.about.version} gives no log-probabilities of a given text that can be trusted",
                "use another server, or `model NAME : transformers`, as the prover",
            )
        start = len(prompt_text(request.prompt))
        whole = self._encoder.encode((*request.prompt, Segment(request.target + request.after)))
        first, last = whole.overlapping(start, start + len(request.target))
        if first < 1 or (self._probed.about.context or math.inf) <= last:
            return TokenLogprobs(())
        span = Span(whole.ids, first, last)
        try:
            found = await self._asking.ask(
                _problem(request.prompt), lambda backend: complete_values(ROUTES[route], backend, span), urgent=True
            )
        except NotOffered as error:
            raise Unavailable(f"a server stopped giving scores: {error}") from None
        except (BadScores, DeadlinePassed) as error:
            self._quality.note_failed(error)
            return TokenLogprobs((), last, last)
        self._quality.note_sound()
        prefilled = self._count(last * found.prompts, found.cached and found.cached * found.prompts, 0)
        return TokenLogprobs(tuple(v for v in found.values if v is not None), last, prefilled)

    def _count_orphans(self, tokens: int) -> None:
        self._orphaned += tokens

    def _count(self, sent: int, cached: int | None, generated: int) -> int:
        """Count a request in; gives the prompt tokens that were computed for it."""
        prefilled = sent - (cached or 0)
        self._requests += 1
        self._prefilled += prefilled
        self._reused += sent - prefilled
        self._generated += generated
        return prefilled

    def _room(self, wanted: int, ids: Ids) -> int:
        assert self._probed is not None
        context = self._probed.about.context
        return wanted if context is None else min(wanted, context - len(ids))

    def _encode(self, text: str) -> Ids:
        return self._encoder.encode((Segment(text),)).ids

    def _decode(self, ids: Sequence[int]) -> str:
        text = self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)


def _problem(prompt: Prompt) -> str:
    """What the requests of one problem have in common: all that stands before its thinking."""
    opens = [at for at, segment in enumerate(prompt) if segment == Segment(THINK_OPEN, template=True)]
    return prompt_text(prompt[: opens[-1]] if opens else prompt)


def _alike(probed: Sequence[Probed]) -> None:
    """Replicas of one model answer alike, or the answers of a run would depend on which of them was asked."""
    kinds = {(one.about.version, one.about.context, one.route) for one in probed}
    if len(kinds) > 1:
        told = "; ".join(
            sorted(f"{version}, context {context}, scores by {route or 'nothing'}" for version, context, route in kinds)
        )
        raise Unavailable(f"the replicas of a model differ: {told}", "serve all of them alike")
    first = probed[0].identity.known
    for known in (one.identity.known for one in probed[1:] if first.values):
        parted = replace(known, served=first.served).parts_from(first)
        if parted:
            raise Unavailable("the replicas of a model differ in their weights", "serve all of them alike", "E611")
