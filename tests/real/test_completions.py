"""`completions` against real HTTP servers that speak three APIs over a real model (see `tests/real/completion_servers.py`).

No llama.cpp and no Text Generation Inference was run. `test_a_real_vllm_server` runs where `CORDSPEC_TEST_VLLM_URL` names one that
serves the miniature `prover`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest

from cordspec.diagnostics import Diagnostic, Source
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.plugin import Engine, GenerateRequest, Generation, Sampling, ScoreRequest, Segment, Unavailable
from cordspec_serving.completions.model import CompletionsModel, CompletionsOptions
from cordspec_serving.completions.spelling import Spelling
from tests.real.completion_servers import LlamaCppLike, OpenAILike, TgiLike
from tests.real.serving import Answer, ServedModel, Server
from tests.real.test_engine_exactness import QUESTION
from tests.real.test_sglang import KEY, served

Serve = Callable[[dict[str, Answer]], Server]
SERVERS: dict[str, tuple[str, Callable[[ServedModel], Any]]] = {
    "openai, all fields": ("openai", lambda of: OpenAILike(of, ids=True, rich=True, tells="stop_reason", top_k=True)),
    "openai, ids without stops told": ("openai", lambda of: OpenAILike(of, ids=True, rich=False)),
    "openai, text with stops told": ("openai", lambda of: OpenAILike(of, ids=False, rich=False, tells="matched_stop")),
    "openai, text alone": ("openai", lambda of: OpenAILike(of, ids=False, rich=False)),
    "llama.cpp": ("llama_cpp", LlamaCppLike),
    "tgi": ("tgi", TgiLike),
}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    made: list[Server] = []

    def make(routes: dict[str, Answer]) -> Server:
        server = Server(routes)
        made.append(server)
        monkeypatch.setenv("CORDSPEC_SERVICE_TEST_URL", server.url + "/v1")
        monkeypatch.setenv("CORDSPEC_SERVICE_TEST_KEY", KEY)
        return server

    yield make
    for server in made:
        server.close()


def model(dialect: str = "openai", **options: Any) -> CompletionsModel:
    settings: dict[str, Any] = {"weights": str(served("prover").path), "service": "test", "dialect": dialect, **options}
    return CompletionsModel(CompletionsOptions(**settings))


def drawn(*requests: GenerateRequest, **options: Any) -> tuple[list[Generation], Engine]:
    async def run() -> tuple[list[Generation], Engine]:
        engine = model(**options).open()
        try:
            return list(await engine.generate(requests)), engine
        finally:
            await engine.close()

    return asyncio.run(run())


def asking(most: int = 16, temperature: float = 0.0, seed: int = 3, **more: Any) -> GenerateRequest:
    prompt = (Segment(QUESTION), Segment("<think>", template=True), Segment("\n### Step 1."))
    return GenerateRequest(prompt, Sampling(temperature), more.pop("stop", ()), most, seed, **more)


def expected(request: GenerateRequest) -> tuple[str, int]:
    """The likeliest continuation, and how many tokens it is."""
    of = served("prover")
    ids = of.tokenizer("".join(segment.text for segment in request.prompt), add_special_tokens=False)["input_ids"]
    found = of.continued(ids, Sampling(0.0), 0, request.max_tokens, ())[0]
    return of.decode(found), len(found)


@pytest.mark.parametrize("name", SERVERS)
def test_continuations_stops_and_ends_are_those_of_the_model(serve: Serve, name: str) -> None:
    """Three requests: cut off by the limit, ended by a stop string in the middle, and the same with first tokens let be."""
    dialect, made = SERVERS[name]
    serve(made(served("prover")).routes)
    text, tokens = expected(asking())
    stop = text[len(text) // 2 :][:2]
    place = text.index(stop)
    (whole, cut, late), engine = drawn(
        asking(), asking(stop=(stop, "never written")), asking(stop=(stop,), min_tokens=4), dialect=dialect
    )
    assert (whole.text, whole.tokens, whole.finish, whole.stop) == (text, tokens, "length", None)
    assert (cut.text, cut.finish, cut.stop) == (text[:place], "stop", stop)
    assert late.text == text[: len(late.text)] and late.finish == "stop" and late.stop == stop
    assert engine.traits.scoring == "" and engine.traits.found["seeds repeat"] is True


@pytest.mark.parametrize("name", SERVERS)
def test_an_end_is_told_from_a_stop(serve: Serve, name: str) -> None:
    """The model closes its turn by itself: no stop string, and the end token is in no text."""
    dialect, made = SERVERS[name]
    serve(made(served("prover")).routes)
    of = served("prover")
    opening = model(dialect).open().opening(QUESTION)
    closing = (Segment("<think>", template=True), Segment("\n"), Segment("</think>", template=True))
    request = GenerateRequest((*opening, *closing), Sampling(0.0), ("never",), 200, 3)
    ((found,), _) = drawn(request, dialect=dialect)
    assert found.finish == "end" and found.stop is None and str(of.tokenizer.eos_token) not in found.text


@pytest.mark.parametrize(
    ("name", "traits"),
    [
        ("openai, all fields", {"prompts": "token ids", "tokens counted": "by the server", "top_k": True}),
        ("openai, ids without stops told", {
            "prompts": "token ids", "tokens counted": "by our tokenizer", "top_k": "not offered",
            "stops": "looked for here, in all that it wrote", "tokenizer agrees": "not offered"}),
        ("openai, text with stops told", {"prompts": "text", "stops": "by the server"}),
        ("llama.cpp", {"prompts": "token ids", "tokenizer agrees": "yes", "slots": 1, "moves by": "tokens"}),
        ("tgi", {"prompts": "text", "tokenizer agrees": "yes", "moves by": "tokens"}),
    ],
)  # fmt: skip
def test_what_was_found_out_is_recorded(serve: Serve, name: str, traits: dict[str, object]) -> None:
    dialect, made = SERVERS[name]
    serve(made(served("prover")).routes)
    _, engine = drawn(asking(), dialect=dialect)
    assert traits.items() <= dict(engine.traits.found).items()
    assert engine.traits.context == served("prover").context


def test_stops_that_a_server_would_not_tell_are_not_sent(serve: Serve) -> None:
    """If it ended a completion at one and did not say so, a step would be taken for the end of the trace."""
    server = serve(OpenAILike(served("prover"), ids=False, rich=False).routes)
    drawn(asking(stop=("cups",)))
    later = server.asked("/v1/completions")[-1]
    assert "stop" not in later


def test_a_stop_inside_a_token_is_found_where_the_server_does_not(serve: Serve) -> None:
    """Text Generation Inference looks where a token ends. A seeded server that sees no stop at all."""
    like = TgiLike(served("prover"))
    routes = like.routes

    def blind(body: Any) -> object:
        body["parameters"]["stop"] = []
        return like.generate(body)

    serve(routes | {"/generate": blind})
    text, _ = expected(asking())
    stop = text[len(text) // 2 :][:2]
    ((found,), _) = drawn(asking(stop=(stop,)), dialect="tgi")
    assert (found.text, found.stop, found.finish) == (text[: text.index(stop)], stop, "stop")


def test_top_k_is_refused_where_it_would_be_ignored(serve: Serve) -> None:
    serve(OpenAILike(served("prover"), ids=True, rich=False).routes)
    request = GenerateRequest((Segment(QUESTION),), Sampling(1.0, 1.0, 5), (), 4, 1)
    with pytest.raises(Unavailable, match="takes no `top_k`"):
        drawn(request)


def test_a_prompt_that_a_text_cannot_say_is_refused(serve: Serve) -> None:
    """Data that spells a special token is data: as text it would be read as the token."""
    serve(TgiLike(served("prover")).routes)
    special = str(served("prover").tokenizer.eos_token)
    assert Spelling(served("prover").tokenizer).ids(special) != (served("prover").tokenizer.eos_token_id,)
    request = GenerateRequest((Segment(f"Say {special} twice."),), Sampling(0.0), (), 4, 1)
    with pytest.raises(Unavailable, match="cannot be sent as text"):
        drawn(request, dialect="tgi")


def test_the_same_prompt_goes_through_as_token_ids(serve: Serve) -> None:
    serve(LlamaCppLike(served("prover")).routes)
    special = str(served("prover").tokenizer.eos_token)
    request = GenerateRequest((Segment(f"Say {special} twice."),), Sampling(0.0), (), 4, 1)
    assert drawn(request, dialect="llama_cpp")[0][0].tokens > 0


def test_a_prompt_longer_than_the_server_reads_is_answered_with_nothing(serve: Serve) -> None:
    serve(TgiLike(served("prover"), max_input_tokens=600).routes)
    long = GenerateRequest((Segment(QUESTION * 25),), Sampling(0.0), (), 4, 1)
    ((found,), _) = drawn(long, dialect="tgi")
    assert (found.text, found.tokens, found.finish) == ("", 0, "length")


Fault = Callable[[dict[str, Answer]], dict[str, Answer]]


@pytest.mark.parametrize(
    ("name", "path", "change", "said"),
    [
        ("openai, all fields", "/v1/completions", {"usage": {"prompt_tokens": 1}}, "read 1 prompt tokens where"),
        ("openai, all fields", "/v1/completions", {"choices": []}, "not one completion"),
        ("openai, all fields", "/v1/models", {"data": [{"id": "a"}, {"id": "b"}]}, "serves a, b, not one"),
        ("llama.cpp", "/completion", {"truncated": True}, "a prompt that it cut"),
        ("llama.cpp", "/completion", {"tokens": None}, "without tokens"),
        ("llama.cpp", "/completion", {"stop_type": "none"}, "ended by 'none'"),
        ("llama.cpp", "/completion", {"tokens_evaluated": 3}, "read 3 prompt tokens where"),
        ("llama.cpp", "/tokenize", {"tokens": [1, 2, 3]}, "another tokenizer"),
        ("tgi", "/generate", {"details": None}, "without its tokens and its end"),
        ("tgi", "/generate", {"details": {"finish_reason": "length", "tokens": [{}]}}, "tokens without ids"),
    ],
)
def test_servers_that_are_not_as_they_should_be_are_refused(
    serve: Serve, name: str, path: str, change: dict[str, object], said: str
) -> None:
    dialect, made = SERVERS[name]
    routes = made(served("prover")).routes

    def changed(body: Any) -> object:
        answer: Any = routes[path](body)
        return answer | change

    serve(routes | {path: changed})
    with pytest.raises(Unavailable) as caught:
        drawn(asking(), dialect=dialect)
    assert said in str(caught.value)


def test_the_wrong_dialect_is_refused(serve: Serve) -> None:
    serve(OpenAILike(served("prover"), ids=True, rich=True).routes)
    for dialect in ("tgi", "llama_cpp"):
        with pytest.raises(Unavailable, match="404"):
            drawn(asking(), dialect=dialect)


# what it cannot do


def test_a_prover_behind_completions_is_refused_before_the_run() -> None:
    point = EntryPoint("model.completions", "cordspec_serving.completions.model", "cordspec")
    registry = Registry([point, *(one for one in entry_points(group="cordspec") if one.name != point.name)])

    def diagnose(text: str) -> list[Diagnostic]:
        return resolve(Source("test.cord", text), registry)[1]

    spec = """cord 1
experiment e { seed = 3 }
problems q : inventory { count = 2 }
model a : mini { name = adder }
model w : completions { weights = "Qwen/QwQ-32B", service = "x", dialect = llama_cpp }
"""
    refused = diagnose(spec + "scorer s : predictive_perplexity { prover = w }\n")
    wrong = [one for one in refused if one.code == "E602"]
    assert len(wrong) == 1 and "give log-probabilities of a given text, which `completions` cannot" in wrong[0].message
    for fine in ("pool p { teachers = [w] }\n", "search i : integration { integrator = w }\n"):
        assert not [one for one in diagnose(spec + fine) if one.code == "E602"]
    student = diagnose(spec + "student s : sft { init = w, data = q }\n")
    assert [one.code for one in student if one.code == "E602"]


def test_an_engine_that_is_asked_all_the_same_says_so(serve: Serve) -> None:
    serve(LlamaCppLike(served("prover")).routes)

    async def run() -> None:
        engine = model("llama_cpp").open()
        try:
            await engine.score([ScoreRequest((Segment(QUESTION),), "7", ".")])
        finally:
            await engine.close()

    with pytest.raises(Unavailable, match="gives no log-probabilities of a given text"):
        asyncio.run(run())


@pytest.mark.parametrize("name", SERVERS)
def test_the_key_is_sent_and_nowhere_shown(serve: Serve, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dialect, made = SERVERS[name]
    server = serve(made(served("prover")).routes)
    _, engine = drawn(asking(), dialect=dialect)
    assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _ in server.seen)
    assert not any(KEY in repr(one) for one in (engine, engine.traits, model(dialect), caplog.text))


def test_the_dialect_decides_an_answer_and_the_served_name_does_not() -> None:
    assert model().fingerprint() == model(served_name="x").fingerprint() != model("tgi").fingerprint()


@pytest.mark.skipif("CORDSPEC_TEST_VLLM_URL" not in os.environ, reason="no vLLM server is named")
def test_a_real_vllm_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDSPEC_SERVICE_TEST_URL", os.environ["CORDSPEC_TEST_VLLM_URL"])
    text, tokens = expected(asking())
    stop = text[len(text) // 2 :][:2]
    (whole, cut), engine = drawn(asking(), asking(stop=(stop,)))
    assert (whole.text, whole.tokens, whole.finish) == (text, tokens, "length")
    assert (cut.text, cut.stop) == (text[: text.index(stop)], stop)
    found = engine.traits.found
    assert (found["prompts"], found["tokens counted"], found["tokenizer agrees"]) == (
        "token ids",
        "by the server",
        "yes",
    )
    assert found["top_k"] is True and found["seeds repeat"] is True
