"""What is promised of continuations."""

from __future__ import annotations

import asyncio
import time

from cordspec.plugin import THINK_CLOSE, GenerateRequest, Sampling, Segment, prompt_text
from cordspec.testing.subject import Subject

GREEDY = Sampling(0.0)
STEP = "\n### Step 1. Shelf A: 12 + 7 ="


async def greedy_is_likeliest(subject: Subject) -> str:
    """At temperature 0 every token is the oracle's likeliest, or as likely within ten times the tolerance."""
    prompt = subject.prompt(STEP)
    (said,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (), 24, 0)])
    pairs = subject.oracle.next_logprobs(prompt, said.text)
    assert pairs, "it says nothing"
    worst = max(best - own for own, best in pairs)
    assert worst <= 10 * subject.tolerance, f"a token is {worst:.3f} nats less likely than the likeliest: {said.text!r}"
    return f"{len(pairs)} tokens"


async def stops_end_a_text(subject: Subject) -> str:
    """The first stop string ends the text, is named, and is no part of it; the tokens that completed it are counted."""
    prompt = subject.prompt(STEP)
    (free,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (), 24, 0)])
    stop = free.text[len(free.text) // 2 :][:3]
    at = free.text.index(stop)
    (cut,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, ("\x07", stop), 24, 0)])
    assert (cut.text, cut.finish, cut.stop) == (free.text[:at], "stop", stop), (
        f"{cut} for the stop {stop!r} in {free.text!r}"
    )
    assert 0 < cut.tokens <= free.tokens, f"{cut.tokens} tokens were drawn for {cut.text!r} and its stop"
    return repr(stop)


async def first_tokens_may_hold_stops(subject: Subject) -> str:
    """In the first ``min_tokens`` tokens only the end of thinking is looked for."""
    prompt = subject.prompt(STEP)
    (free,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (), 24, 0)])
    stop = free.text[:1]
    (cut,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (stop,), 24, 0)])
    (later,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (stop, THINK_CLOSE), 24, 0, 3)])
    assert cut.text == "", f"{cut.text!r} before a stop at the very beginning"
    assert later.text.startswith(stop), f"{later.text!r} although stops are not looked for in its first tokens"
    return repr(stop)


async def lengths_are_kept(subject: Subject) -> str:
    """No more tokens than allowed; a prompt that fills the context is answered with nothing."""
    (three,) = await subject.engine.generate([GenerateRequest(subject.prompt(STEP), Sampling(1.0), (), 3, 5)])
    assert three.tokens <= 3 and (three.finish != "length" or three.tokens == 3), three
    context = subject.traits.context
    if context is None:
        return "3 tokens; the context is not known"
    prompt = subject.prompt(" so" * (context + 8))
    (nothing,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (), 3, 5)])
    assert (nothing.text, nothing.tokens, nothing.finish) == ("", 0, "length"), nothing
    return f"3 tokens; context {context}"


async def seeds_decide(subject: Subject) -> str:
    """The same seed draws the same tokens whatever else is drawn; other seeds draw others."""
    prompt = subject.prompt(STEP)
    requests = [GenerateRequest(prompt, Sampling(1.2, 0.95, 40), (), 12, seed) for seed in range(6)]
    together = await subject.engine.generate(requests)
    assert len({one.text for one in together}) > 1, "six seeds drew one text"
    if not subject.traits.found.get("seeds repeat", True):
        return "not run: the engine says that seeds do not repeat"
    alone = [(await subject.engine.generate([request]))[0] for request in requests]
    same = sum(one.text == other.text for one, other in zip(together, alone, strict=True))
    assert same == len(requests), f"{len(requests) - same} of {len(requests)} seeds drew another text the second time"
    return f"{len(requests)} seeds"


async def data_is_no_template(subject: Subject) -> str:
    """A special token in what somebody wrote is read as its characters."""
    if not subject.special:
        return "not run: the tokenizer has no special token"
    as_text = subject.engine.count_tokens(subject.special)
    assert as_text > 1, f"{subject.special} in a text became one token"
    prompt = (Segment("a", template=True), Segment(subject.special))
    (said,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (), 1, 0)])
    template = subject.oracle.length(prompt_text(prompt))
    assert said.prompt_tokens > template, f"{said.prompt_tokens} tokens were sent, as if {subject.special} were special"
    return f"{subject.special} is {as_text} tokens"


async def prefixes_are_reused(subject: Subject) -> str:
    """What is held is not computed again: at most one block and what is new."""
    block = subject.traits.block
    if not block:
        return "not run: the engine reuses nothing"
    thinking = (
        STEP + " 19." + "\n### Step 2. That is what it holds now, and nothing was counted twice." * (2 + block // 12)
    )
    ask = GenerateRequest(subject.prompt(thinking), GREEDY, (), 8, 0)
    (first,) = await subject.engine.generate([ask])
    (again,) = await subject.engine.generate([ask])
    longer = GenerateRequest(subject.prompt(thinking + first.text), GREEDY, (), 8, 0)
    (on,) = await subject.engine.generate([longer])
    bridge = 4  # tokens at the seam that may be cut otherwise when the text is encoded as a whole
    assert again.prefilled <= block, f"{again.prefilled} of {again.prompt_tokens} tokens were computed again"
    new = on.prompt_tokens - first.prompt_tokens
    assert on.prefilled <= block + bridge + new, f"{on.prefilled} tokens were computed for {new} new ones"
    return f"{again.prefilled} and {on.prefilled} of {on.prompt_tokens} tokens, blocks of {block}"


async def cancelled_calls_are_given_up(subject: Subject) -> str:
    """A cancelled call ends at once, and the engine answers others."""
    prompt = subject.prompt(STEP)
    asks = [GenerateRequest(prompt, Sampling(1.0), (), 1_000, seed) for seed in range(16)]
    task = asyncio.ensure_future(subject.engine.generate(asks))
    await asyncio.sleep(0.05)
    if task.done():
        return f"not run: {sum(one.tokens for one in task.result())} tokens were drawn before it was cancelled"
    begin = time.monotonic()
    task.cancel()
    await asyncio.wait([task])
    took = time.monotonic() - begin
    assert took < 1.0, f"the call went on for {took:.1f} s"
    (said,) = await subject.engine.generate([GenerateRequest(prompt, GREEDY, (), 2, 0)])
    assert said.tokens, "it says nothing after a cancelled call"
    return f"{took * 1000:.0f} ms"
