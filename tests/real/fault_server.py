"""A server of vLLM's API over real sockets that fails as it is told to. No model is behind it: its answers are hashes.

What a healthy one answers depends on the request and on ``weights`` alone, so any part of a torn answer that was used, and any
answer of other weights, is seen in the result.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
from aiohttp import web
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from cordspec_mini.models import CHECKPOINTS

WEIGHTS = CHECKPOINTS / "adder"
At = Literal["first", "middle", "last"]
Kind = Literal["draw", "score"]
WORDS = " on more cups shelf held takes gives left adds box"
CONTEXT = 4_096


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(WEIGHTS)


def encoded(text: str) -> list[int]:
    return list(tokenizer()(text, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one answer.

    ``what``: status, reset, die, close, done, abort, error, garbage, hang, slow, lag; for scores value, fewer, more,
    unwritable, and for all drawn texts text, length. ``at`` says before which token it happens.
    """

    what: str
    at: At = "middle"
    status: int = 500
    after: str = ""
    seconds: float = 0.0
    value: object = None
    text: str = ""


WELL = Fault("")


@dataclass
class FaultServer:
    """One server.

    Attributes:
        faults: gives the fault of a call by its kind and number, counted from when it was armed; None for none.
        bodies: the calls that compute, in order, each with its kind.
    """

    weights: str = "a"
    name: str = "m"
    faults: Callable[[Kind, int, Any], Fault | None] = lambda kind, number, body: None
    says: Callable[[Any], str | None] = lambda body: None
    bodies: list[tuple[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    tokens: int = 0
    dropped: int = 0
    port: int = 0
    armed: bool = False
    rows: bool = True
    tells_start: bool = True
    began: float = 0.0
    _runner: web.AppRunner | None = None
    _numbers: dict[str, int] = field(default_factory=lambda: {"draw": 0, "score": 0})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.began = time.monotonic()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/version", self._version)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/v1/completions", self._complete)
        if self.rows:
            app.router.add_post("/inference/v1/generate", self._generate)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def arm(self, faults: Callable[[Kind, int, Any], Fault | None]) -> None:
        """From now on calls are counted and fail."""
        self.faults, self.armed = faults, True
        self.bodies.clear()
        self.times.clear()

    # what it says of itself

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": self.name, "root": "w", "max_model_len": CONTEXT}]})

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": "0.0-faults"})

    async def _metrics(self, _: web.Request) -> web.Response:
        told = f'vllm:generation_tokens_total{{m="m"}} {self.tokens}.0\n'
        return web.Response(text=told + (f"process_start_time_seconds {self.began}\n" if self.tells_start else ""))

    async def _tokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"tokens": encoded((await request.json())["prompt"])})

    # what it computes

    def _hash(self, *parts: object) -> int:
        return int.from_bytes(hashlib.sha256(repr((self.weights, *parts)).encode()).digest()[:6])

    def logprob(self, before: Sequence[int], token: int) -> float:
        return -(1 + self._hash(tuple(before), token) % 2_000) / 1_000

    def continuation(self, body: Any) -> tuple[list[int], str, str, str | None]:
        """Ids, text, why it ended, and by which stop string."""
        ids, stops = body["prompt"], body.get("stop") or []
        text = self.says(body) if self.armed else None
        if text is not None:
            return encoded("x"), text, "stop", None
        seed = body["seed"] if body["temperature"] > 0 else 0
        words, drawn, text = encoded(WORDS), [], ""
        length = 6 + self._hash(ids, seed) % 5
        while len(drawn) < body["max_tokens"]:
            drawn.append(words[self._hash(ids, seed, len(drawn)) % len(words)])
            text = tokenizer().decode(drawn)
            found = [stop for stop in stops if stop in text]
            if found:
                return drawn, text[: text.index(found[0])], "stop", found[0]
            if len(drawn) >= length and stops and len(stops[0]) > 2:
                stop = stops[self._hash(ids, seed) % len(stops)]
                return [*drawn, *encoded(stop)], text, "stop", stop
        return drawn, text, "length", None

    # calls

    def _fault(self, kind: Kind, body: Any) -> Fault:
        """The fault of this call; one that does nothing where there is none."""
        self.bodies.append((kind, body))
        self.times.append(asyncio.get_running_loop().time())
        if not self.armed:
            return WELL
        self._numbers[kind] += 1
        return self.faults(kind, self._numbers[kind] - 1, body) or WELL

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body.get("stream"):
            return await self._watched(request, self._drawn(request, body))
        if "logprob_token_ids" in body or "prompt_logprobs" in body:
            return await self._watched(request, self._scored(request, body))
        return web.json_response(self._whole(body))  # the trial of priorities

    async def _watched(self, request: web.Request, answering: Any) -> web.StreamResponse:
        """Counts clients that go away before their answer is whole."""
        try:
            return await answering
        except (asyncio.CancelledError, ConnectionError):
            self.dropped += 1
            raise

    async def _before(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        """What goes wrong before anything is sent."""
        if fault.what == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault.what == "status":
            headers = {"Retry-After": fault.after} if fault.after else {}
            error = {"error": {"message": fault.text or "EngineCore encountered an issue"}}
            return web.json_response(error, status=fault.status, headers=headers)
        if fault.what == "lag":
            await asyncio.sleep(fault.seconds)
        return None

    async def _drawn(self, request: web.Request, body: Any) -> web.StreamResponse:
        fault = self._fault("draw", body)
        if (early := await self._before(request, fault)) is not None:
            return early
        ids, text, finish, stop = self.continuation(body)
        if fault.what == "length":
            finish, stop = "length", None
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        pieces = [text] if len(ids) == 1 else [tokenizer().decode([one]) for one in ids]
        place = {"first": 0, "middle": len(ids) // 2, "last": len(ids) - 1}[fault.at]
        sent = ""
        for at, token in enumerate(ids):
            if at == place and await self._breaks(request, reply, fault):
                return reply
            last = at == len(ids) - 1
            piece = text[len(sent) :] if last else pieces[at][: max(0, len(text) - len(sent))]
            sent += piece
            choice = {"index": 0, "text": piece, "token_ids": [token], "finish_reason": None, "stop_reason": None}
            if last:
                choice |= {"finish_reason": finish, "stop_reason": stop}
            self.tokens += 1
            await self._event(reply, {"choices": [choice]})
        usage = {"prompt_tokens": len(body["prompt"]), "prompt_tokens_details": {"cached_tokens": 16}}
        await self._event(reply, {"choices": [], "usage": usage})
        await reply.write(b"data: [DONE]\n\n")
        return reply

    async def _event(self, reply: web.StreamResponse, event: object) -> None:
        await reply.write(f"data: {json.dumps(event)}\n\n".encode())

    async def _breaks(self, request: web.Request, reply: web.StreamResponse, fault: Fault) -> bool:
        """What goes wrong in the middle; whether the answer is over with it."""
        match fault.what:
            case "die":
                assert request.transport is not None
                await asyncio.sleep(0.01)  # what was written gets away
                request.transport.abort()
            case "close":
                pass
            case "done":
                await reply.write(b"data: [DONE]\n\n")
            case "abort":
                choice = {"index": 0, "text": "", "token_ids": [], "finish_reason": "abort", "stop_reason": None}
                await self._event(reply, {"choices": [choice]})
                await reply.write(b"data: [DONE]\n\n")
            case "error":
                await self._event(reply, {"error": {"message": "EngineDeadError", "code": 500}})
                await reply.write(b"data: [DONE]\n\n")
            case "garbage":
                await reply.write(b'data: {"choices": [{\n\n')
            case "hang":
                await asyncio.sleep(30)
            case "slow":  # as long, while the server works for others
                for _ in range(int(fault.seconds / 0.02)):
                    self.tokens += 1
                    await asyncio.sleep(0.02)
                return False
            case _:
                return False
        return True

    async def _scored(self, request: web.Request, body: Any) -> web.StreamResponse:
        fault = self._fault("score", body)
        if (early := await self._before(request, fault)) is not None:
            return early
        if fault.what == "unwritable":
            error = {"error": {"message": "Out of range float values are not JSON compliant: nan"}}
            return web.json_response(error, status=500)
        if fault.what == "hang":
            await asyncio.sleep(30)
        content = json.dumps(self._whole(body, fault)).encode()
        return web.Response(body=content, content_type="application/json")

    def _whole(self, body: Any, fault: Fault = WELL) -> Any:
        """An answer in one piece: chosen tokens as the next ones, or a prompt's."""
        prompts = body["prompt"]
        prompts = prompts if prompts and isinstance(prompts[0], list) else [prompts]
        choices: list[dict[str, Any]] = []
        for at, ids in enumerate(prompts):
            choice: dict[str, Any] = {"index": at, "text": " on", "finish_reason": "length", "stop_reason": None}
            if "logprob_token_ids" in body:
                top = {f"token_id:{one}": self.logprob(ids, one) for one in body["logprob_token_ids"]}
                choice["logprobs"] = {"top_logprobs": [top]}
            if "prompt_logprobs" in body:
                rows = [{str(ids[p]): {"logprob": self.logprob(ids[:p], ids[p])}} for p in range(1, len(ids))]
                choice["prompt_logprobs"] = [None, *rows]
            choices.append(choice)
        place = {"first": 0, "middle": len(choices) // 2, "last": len(choices) - 1}[fault.at]
        if fault.what == "value":
            choices[place]["logprobs"]["top_logprobs"][0] = dict.fromkeys(
                choices[place]["logprobs"]["top_logprobs"][0], fault.value
            )
        elif fault.what == "fewer":
            del choices[place]
        elif fault.what == "more":
            choices.append(choices[-1] | {"index": len(choices)})
        self.tokens += len(choices)
        return {"choices": choices, "usage": {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 16}}}

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await self._watched(request, self._rows(request, body))

    async def _rows(self, request: web.Request, body: Any) -> web.StreamResponse:
        fault = self._fault("score", body)
        if (early := await self._before(request, fault)) is not None:
            return early
        ids, start = body["token_ids"], body["sampling_params"]["prompt_logprob_start"]
        rows = [[self.logprob(ids[:place], ids[place])] for place in range(start + 1, len(ids))]
        if fault.what == "fewer":
            rows = rows[1:]
        file = io.BytesIO()
        np.save(file, np.array(rows, dtype=np.float32))
        self.tokens += len(ids)
        usage = {"prompt_tokens_details": {"cached_tokens": 16}}
        return web.json_response(
            {"prompt_token_id_logprobs": base64.b64encode(file.getvalue()).decode(), "usage": usage}
        )
