"""An engine that computes nothing, in this process or behind HTTP: what is left is the orchestrator."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cordspec.plugin import (
    THINK_CLOSE,
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    prompt_text,
)

WORDS, STEPS = 40, 6
"""Words of a step and steps of a trace."""
LONG = 400
"""Prompt tokens after which a trace ends, behind HTTP."""


def step(number: int, seed: int) -> str:
    """What a teacher says, decided by its seed."""
    rng = random.Random(seed)
    return f"\n### Step {number}. " + " ".join(str(rng.randrange(100)) for _ in range(WORDS))


@dataclass
class NullEngine:
    """Answers at once; steps and scores follow from the request alone."""

    requests: int = 0

    @property
    def counters(self) -> EngineCounters:
        return EngineCounters(requests=self.requests)

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits("nothing", None, None, 1, "nothing")

    def opening(self, question: str) -> Prompt:
        return (Segment(question),)

    def count_tokens(self, text: str) -> int:
        return text.count(" ") + 1

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
        self.requests += len(requests)
        return [said(request) for request in requests]

    async def score(self, requests: Sequence[ScoreRequest]) -> list[TokenLogprobs]:
        self.requests += len(requests)
        return [TokenLogprobs((-random.Random(hash_of(prompt_text(one.prompt))).random(),) * 3, 40) for one in requests]

    async def reward(self, requests: Sequence[RewardRequest]) -> list[Rewards]:
        raise NotImplementedError("nothing here is a reward model")

    async def close(self) -> None:
        """Nothing is held."""


def said(request: GenerateRequest) -> Generation:
    text = prompt_text(request.prompt)
    if text.endswith(THINK_CLOSE):
        return Generation("\n\nThe final answer is 7.", 6, "end", None, 40)
    done = text.count("### Step")
    if done >= STEPS:
        return Generation("", 1, "stop", THINK_CLOSE, 40)
    body = step(done + 1, request.seed)
    return Generation(body if done else body.partition("1.")[2], WORDS + 4, "stop", f"\n### Step {done + 2}.", 40)


def hash_of(text: str) -> int:
    import zlib

    return zlib.crc32(text.encode())


# behind HTTP: just enough of vLLM's interface for a server to be attached and asked


def answer(path: str, body: dict) -> object:
    if path == "/v1/models":
        return {"data": [{"id": "null", "max_model_len": 1 << 20}]}
    if path == "/version":
        return {"version": "null"}
    if path == "/v1/completions":
        return completion(body)
    return None


def completion(body: dict) -> dict:
    prompt = body["prompt"]
    if isinstance(prompt[0], list):
        rows = [{f"token_id:{token}": -0.1 for token in body["logprob_token_ids"]}]
        choices = [{"index": at, "logprobs": {"top_logprobs": rows}} for at in range(len(prompt))]
        return {"choices": choices, "usage": {"prompt_tokens_details": {"cached_tokens": len(prompt[-1]) - 1}}}
    rng = random.Random(body.get("seed", 0) if body.get("temperature") else 1)
    ids = [rng.randrange(100) for _ in range(min(WORDS, body["max_tokens"]))]
    stops = body.get("stop") or []
    text = " " + " ".join(map(str, ids))
    last = THINK_CLOSE if THINK_CLOSE in stops and len(prompt) > LONG else stops[0] if stops else None
    stop = next((one for one in stops if one in text), last)
    choice = {
        "index": 0, "text": text.partition(stop)[0] if stop else text, "token_ids": ids,
        "finish_reason": "stop" if stop else "length", "stop_reason": stop,
        "prompt_logprobs": [None, *({str(t): {"logprob": -0.1}} for t in prompt[1:])] if "prompt_logprobs" in body else None,
    }  # fmt: skip
    return {"choices": [choice], "usage": {"prompt_tokens_details": {"cached_tokens": len(prompt) - 1}}}


async def serve(port: int) -> None:
    """A server until it is ended; loopback only."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (int(one[15:]) for one in head.lower().split("\r\n") if one.startswith("content-length:")), 0
                )
                body = json.loads(await reader.readexactly(length)) if length else {}
                said_now = answer(head.split()[1], body)
                content = json.dumps(said_now if said_now is not None else {"error": "no such thing"}).encode()
                status = b"200 OK" if said_now is not None else b"404 Not Found"
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(content)) + content)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
