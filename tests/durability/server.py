"""A server whose answer depends on its request alone, or, in nonce mode, on nothing: what kills are judged by.

It runs as a process of its own, ``python -m tests.durability.server SOCKET``, so it outlives every driver that is killed, and
it counts what it was asked. One JSON object a line goes in over a Unix socket, one comes back. It is no model: what it writes
has the form of traces, with duplicates, refusals, silence and failed scores among them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = ("we add", "the two", "so it", "is three", "more pens", "then four", "left over", "ıssız İl")
HEADER = "\n### Step "
CLOSE = "</think>"
LONGEST = 4
"""Steps after which a teacher closes its thinking."""

Message = dict[str, Any]


class Server:
    """Everything that was asked, by run: which process of the run asked for which key."""

    def __init__(self) -> None:
        self.asked: dict[str, list[tuple[int, str]]] = defaultdict(list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it was killed
        finally:
            writer.close()

    async def _answer(self, message: Message) -> object:
        if message["method"] == "asked":
            return self.asked[message["run"]]
        self.asked[message["run"]].append((message["attempt"], message["key"]))
        await asyncio.sleep(delay(message))
        return answer(message)


def delay(message: Message) -> float:
    """Seconds: how long an answer takes decides the order of arrival and nothing else."""
    rng = random.Random(f"{message['shuffle']}:{message['key']}")
    return 0.0 if rng.random() < 0.4 else rng.random() * float(message["slowest"])


def answer(message: Message) -> Message:
    """The answer to a request: the same to the same, unless a nonce is wanted."""
    content = [message["method"], message["model"], message["request"]]
    seed = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    nonce = f" {os.urandom(6).hex()}" if message["nonce"] else ""
    return METHODS[message["method"]](random.Random(seed + nonce), message["request"], nonce)


def generated(rng: random.Random, request: Message, nonce: str) -> Message:
    prompt = "".join(segment["text"] for segment in request["prompt"])
    stops = [stop for stop in request["stop"] if stop.startswith(HEADER)]
    stop: str | None = None
    if "<solution_1>" in prompt:
        text = _merged(rng, prompt, nonce)
    elif prompt.endswith(CLOSE):
        text = f"\n\nThe final answer is {rng.choice([42, 43])}."
    else:
        here = prompt.rpartition("<think>")[2].count(HEADER)
        fresh = not prompt.endswith("### Step 1.")  # the first header is written for the teacher
        count = 1 if stops else rng.randint(1, LONGEST)
        text = "".join(_step(rng, here + at + fresh, bare=not at and not fresh) + nonce for at in range(count))
        closes = not stops or here + count >= LONGEST or rng.random() < 0.15
        stop = CLOSE if closes and rng.random() < 0.95 else stops[0] if stops else None
        if rng.random() < 0.05:
            text, stop = "", None  # silence
    words, read = len(text.split()) + 1, len(prompt.split())
    finish = "stop" if stop is not None else "end" if rng.random() < 0.8 else "length"
    return {
        "text": text, "tokens": words, "finish": finish, "stop": stop, "prompt_tokens": read, "prefilled": read - read // 3,
    }  # fmt: skip


def scored(rng: random.Random, request: Message, nonce: str) -> Message:
    read = sum(len(segment["text"].split()) for segment in request["prompt"])
    values = [-rng.random() for _ in range(len(request["target"]))]
    values = values if rng.random() < 0.95 else []  # nothing comes: the candidate has no score
    return {"values": values, "prompt_tokens": read, "prefilled": read}


METHODS: dict[str, Callable[[random.Random, Message, str], Message]] = {"generate": generated, "score": scored}


def _step(rng: random.Random, number: int, *, bare: bool) -> str:
    """A step of few words: two teachers often write the same."""
    return ("" if bare else f"{HEADER}{number}.") + f" {rng.choice(WORDS)} {rng.choice(WORDS[:3])}."


def _merged(rng: random.Random, prompt: str, nonce: str) -> str:
    """What an integrator writes; a third of it is no JSON and is refused."""
    if rng.random() < 0.33:
        return f"I would rather not.{nonce}"
    steps = {
        f"integrated_step{at}": {"content": f"### Step {at}. {rng.choice(WORDS)}{nonce}", "category": "progressive"}
        for at in range(1, 3 + prompt.count("<solution_") % 2)
    }
    return json.dumps({**steps, "answer_part": [str(rng.choice([42, 43]))]})


async def main(socket: Path) -> None:
    """Serve until somebody ends it."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    served = Server()
    server = await asyncio.start_unix_server(served.talk, socket, limit=2**24)
    async with server:
        print("ready", flush=True)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
