"""`openai` against a real HTTP server on this machine that speaks the protocol, and breaks it in every way we know of."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cordspec.plugin import (
    Engine,
    GenerateRequest,
    Generation,
    RewardRequest,
    Sampling,
    ScoreRequest,
    Segment,
    Unavailable,
)
from cordspec_api import adaptive_limit
from cordspec_api import engine as api
from cordspec_api.openai import OpenAIModel, OpenAIOptions

KEY = "sk-test-1234567890abcdef"


def completion(text: str | None = "hello", finish: str | None = "stop", **usage: object) -> dict[str, object]:
    counts = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}, **usage}
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}], "usage": counts}


class Service:
    """A server in a thread. ``replies`` are used in turn, the last one for ever; each writes to the handler."""

    def __init__(self, *replies: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.replies = list(replies)
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with service._lock:
                    service.seen.append((self.path, dict(self.headers.items()), json.loads(body)))
                    reply = service.replies.pop(0) if len(service.replies) > 1 else service.replies[0]
                    service.under_way += 1
                    service.most_under_way = max(service.most_under_way, service.under_way)
                try:
                    reply(self)
                finally:
                    with service._lock:
                        service.under_way -= 1

            def log_message(self, *arguments: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments: object) -> None:  # a client that gave up
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(content: object, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def truncated(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(json.dumps(completion()).encode()[:40])
    handler.close_connection = True


def slow(handler: BaseHTTPRequestHandler) -> None:
    """Sends something all the time, and never ends: a limit on each read alone would not see it."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def error(message: str, code: str | None = None) -> dict[str, object]:
    return {"error": {"message": message, "type": "x", "code": code}}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Service]]:
    """A service under the name `test`, known to the environment."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.01)
    made: list[Service] = []

    def make(*replies: Callable[[BaseHTTPRequestHandler], None]) -> Service:
        service = Service(*replies)
        made.append(service)
        monkeypatch.setenv("CORDSPEC_SERVICE_TEST_URL", service.url + "/")
        monkeypatch.setenv("CORDSPEC_SERVICE_TEST_KEY", KEY)
        return service

    yield make
    for service in made:
        service.close()


def model(**options: object) -> OpenAIModel:
    return OpenAIModel(OpenAIOptions(service="test", model="m-1", **{"retries": 2, "timeout": 20.0, **options}))


def request(text: str = "Merge {these}.", stop: tuple[str, ...] = (), seed: int = 2**62 + 5) -> GenerateRequest:
    return GenerateRequest((Segment(text),), Sampling(0.7, 0.9), stop, 99, seed)


def ask(*requests: GenerateRequest, **options: object) -> list[Generation]:
    async def run() -> list[Generation]:
        engine = model(**options).open()
        try:
            return list(await engine.generate(requests or [request()]))
        finally:
            await engine.close()

    return asyncio.run(run())


def refused(**options: object) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        ask(**options)
    return caught.value


def test_a_message_is_sent_and_its_answer_read(serve: Callable[..., Service]) -> None:
    service = serve(send(completion("a\nb")))
    assert ask() == [Generation("a\nb", 3, "end", None, 11, 7)]
    ((path, headers, body),) = service.seen
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "m-1", "messages": [{"role": "user", "content": "Merge {these}."}], "max_completion_tokens": 99,
        "seed": 5, "stream": False, "temperature": 0.7, "top_p": 0.9,
    }  # fmt: skip


def test_settings_change_what_is_sent_and_the_identity(serve: Callable[..., Service]) -> None:
    service = serve(send(completion()))
    ask(limit="max_tokens", sampling="service")
    body = service.seen[0][2]
    assert body["max_tokens"] == 99 and not {"temperature", "top_p", "max_completion_tokens"} & set(body)
    same = [model().fingerprint(), model(retries=7, timeout=1.0, concurrency=2).fingerprint()]
    assert same[0] == same[1]
    others = [
        model(limit="max_tokens"),
        model(sampling="service"),
        OpenAIModel(OpenAIOptions(service="x", model="m-1")),
    ]
    assert len({same[0], *(other.fingerprint() for other in others)}) == 4
    assert KEY not in same[0] and "127.0.0.1" not in same[0]


@pytest.mark.parametrize(
    ("content", "finish", "expected"),
    [
        ("text", "stop", Generation("text", 3, "end", None, 11, 7)),
        ("text", "length", Generation("text", 3, "length", None, 11, 7)),
        (None, "content_filter", Generation("", 3, "end", None, 11, 7)),
        ("text", "tool_calls", Generation("text", 3, "end", None, 11, 7)),
        ("one END two STOP", "stop", Generation("one ", 3, "stop", "END", 11, 7)),
        ("one STOP two", "length", Generation("one ", 3, "stop", "STOP", 11, 7)),
    ],
)
def test_why_an_answer_ended(
    serve: Callable[..., Service], content: str | None, finish: str, expected: Generation
) -> None:
    serve(send(completion(content, finish)))
    assert ask(request(stop=("STOP", "END"))) == [expected]


def test_counts_that_are_not_given_are_estimated(serve: Callable[..., Service]) -> None:
    serve(send({"choices": completion("123456789")["choices"]}))
    assert ask(request("x" * 10)) == [Generation("123456789", 3, "end", None, 3, 3)]


def test_a_message_that_is_too_long_is_answered_with_nothing(serve: Callable[..., Service]) -> None:
    serve(send(error("too long", "context_length_exceeded"), 400))
    assert ask() == [Generation("", 0, "length")]


def test_counters_add_up(serve: Callable[..., Service]) -> None:
    serve(send(completion()))

    async def run() -> Engine:
        engine = model().open()
        await engine.generate([request("a"), request("b")])
        await engine.close()
        return engine

    counters = asyncio.run(run()).counters
    assert (counters.prefilled, counters.reused, counters.generated) == (14, 8, 6)


# a service that is busy or broken


def test_a_busy_service_is_asked_again_when_it_says(serve: Callable[..., Service]) -> None:
    service = serve(send(error("slow down"), 429, Retry_After="0.3"), send(completion()))
    begin = time.monotonic()
    assert ask()[0].text == "hello" and len(service.seen) == 2
    assert time.monotonic() - begin >= 0.3


def test_pauses_grow(serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    serve(send(b"", 503, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(api.asyncio, "sleep", sleep)
    refused(retries=4)
    assert all(0.5 * pause <= one <= 1.5 * pause for one, pause in zip(slept, (0.01, 0.02, 0.04, 0.08), strict=True))


@pytest.mark.parametrize("status", [500, 502, 503, 529, 429])
def test_a_service_that_stays_busy_is_given_up(serve: Callable[..., Service], status: int) -> None:
    service = serve(send(error("overloaded"), status))
    told = refused()
    assert str(told) == f"the service `test` gave status {status}: overloaded" and "again later" in told.help
    assert len(service.seen) == 3


def test_a_service_that_wants_to_be_left_alone_for_long_is_given_up_at_once(serve: Callable[..., Service]) -> None:
    service = serve(send(error("quota"), 429, Retry_After="3600"))
    assert "come back in 3600 s" in str(refused()) and len(service.seen) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b"{}", b"<html>gateway</html>", b"\xff\xfe", b"[" * 100_000, {"choices": []},
        {"choices": [{}]}, {"choices": "no"}, {"choices": [{"message": None, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]},
        {"choices": [{"message": {"content": "x"}, "finish_reason": None}]},
        {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": 7},
    ],
)  # fmt: skip
def test_what_is_no_chat_completion_is_refused(serve: Callable[..., Service], content: object) -> None:
    service = serve(send(content))
    assert "an answer that is no chat completion" in str(refused()) and len(service.seen) == 3


def test_a_malformed_answer_may_be_followed_by_a_right_one(serve: Callable[..., Service]) -> None:
    serve(send(b"{"), truncated, send(completion()))
    assert ask()[0].text == "hello"


def test_a_truncated_answer_is_refused(serve: Callable[..., Service]) -> None:
    service = serve(truncated)
    assert "no connection, or none to the end (RemoteProtocolError)" in str(refused()) and len(service.seen) == 3


def test_a_slow_answer_is_given_up(serve: Callable[..., Service]) -> None:
    serve(slow)
    begin = time.monotonic()
    assert "no answer within 0.3 s" in str(refused(timeout=0.3, retries=1))
    assert 0.6 <= time.monotonic() - begin < 5, "the whole of it takes ten seconds"


def test_an_endless_answer_is_given_up(serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "LARGEST_REPLY", 1 << 20)
    service = serve(send(b" " * ((1 << 20) + 1)))
    assert "more than 1 MiB" in str(refused()) and len(service.seen) == 1


def test_nobody_there(serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    serve(send(b""))
    monkeypatch.setenv("CORDSPEC_SERVICE_TEST_URL", "http://127.0.0.1:1/v1")
    assert "no connection" in str(refused())


# the key


@pytest.mark.item("S14")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_does_not_follow_a_redirect(serve: Callable[..., Service], status: int) -> None:
    elsewhere = Service(send(completion()))
    try:
        serve(send(b"", status, Location=elsewhere.url + "/chat/completions"))
        assert f"status {status}, a redirect, which is not followed" in str(refused())
        assert elsewhere.seen == []
    finally:
        elsewhere.close()


@pytest.mark.item("S16")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_told_without_the_key_and_not_repeated(
    serve: Callable[..., Service], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service = serve(send(error(f"Wrong key {KEY}\r\n\x1b[31m or Bearer abc or sk-proj-zz***yy, " + "x" * 500), status))
    told = refused()
    assert str(told).startswith(f"the service `test` gave status {status}: Wrong key [key]")
    assert "[key] or [key]" in str(told) and len(str(told)) < 300 and str(told).isprintable()
    assert len(service.seen) == 1
    assert told.__cause__ is None and (told.__context__ is None or told.__suppress_context__)
    shown = [str(told), repr(told), told.help, caplog.text]
    assert not any(KEY in one or "sk-proj" in one for one in shown)


@pytest.mark.item("S16")
def test_the_key_is_in_no_representation(serve: Callable[..., Service], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = serve(send(completion()))
    made = model()
    engine = made.open()
    asyncio.run(engine.generate([request()]))
    assert KEY in str(service.seen)
    for one in (made, made.options, engine, engine._address, made.fingerprint(), caplog.text):  # type: ignore[attr-defined]
        assert KEY not in repr(one)
    assert service.url not in repr(engine._address)  # type: ignore[attr-defined]


def test_a_service_without_a_key_is_sent_none(serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    service = serve(send(completion()))
    monkeypatch.delenv("CORDSPEC_SERVICE_TEST_KEY")
    ask()
    assert "Authorization" not in service.seen[0][1]


@pytest.mark.parametrize(
    "url", ["", " ", "host/v1", "ftp://host/v1", "https://", "https://user:pw@host/v1", "https://h/v1?k=1", "http://[::1",
            "https://h:port/v1"],
)  # fmt: skip
def test_an_address_that_is_none_is_said_before_anything_is_asked(
    serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    serve(send(completion()))
    monkeypatch.setenv("CORDSPEC_SERVICE_TEST_URL", url)
    with pytest.raises(Unavailable) as caught:
        model().open()
    assert "CORDSPEC_SERVICE_TEST_URL" in str(caught.value) + caught.value.help and "pw" not in str(caught.value)


@pytest.mark.parametrize("key", ["a b", "sk\u00e9", "x\ny"])
def test_a_key_that_no_header_can_carry_is_refused_unshown(
    serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    serve(send(completion()))
    monkeypatch.setenv("CORDSPEC_SERVICE_TEST_KEY", key)
    with pytest.raises(Unavailable, match="CORDSPEC_SERVICE_TEST_KEY holds characters") as caught:
        model().open()
    assert key not in str(caught.value)


def test_a_name_that_is_no_variable_is_refused() -> None:
    for name in ("", "a-b", "1a", "a b", "A="):
        with pytest.raises(ValueError, match="service"):
            OpenAIOptions(service=name, model="m")


# several at once


def test_no_more_are_asked_at_once_than_allowed(serve: Callable[..., Service]) -> None:
    def late(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.1)
        send(completion())(handler)

    service = serve(late)
    requests = [request(str(number)) for number in range(8)]
    assert len(ask(*requests, concurrency=3)) == 8
    assert service.most_under_way == 3


class Narrow:
    """Six requests at a time, each until nobody has come for a quarter of a second."""

    def __init__(self) -> None:
        self.service: Service | None = None
        self.places = threading.BoundedSemaphore(6)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        assert self.service is not None
        if not self.places.acquire(blocking=False):
            return send(error("too many at once"), 429)(handler)
        came, since = 0, 0.0
        while came < len(self.service.seen) or time.monotonic() - since < 0.25:
            if came < len(self.service.seen):
                came, since = len(self.service.seen), time.monotonic()
            time.sleep(0.01)
        self.places.release()  # before the client learns that there is a place
        return send(completion())(handler)


@pytest.fixture
def narrow(serve: Callable[..., Service]) -> Service:
    replies = Narrow()
    replies.service = serve(replies)
    return replies.service


def test_a_service_is_asked_no_more_at_once_than_it_takes(narrow: Service) -> None:
    requests = [request(str(number)) for number in range(60)]
    assert len(ask(*requests, concurrency=40)) == 60
    assert 60 < len(narrow.seen) <= 60 + 16, "a tenth and ten may be asked again"


@pytest.mark.usefixtures("narrow")
def test_all_at_once_would_be_too_many_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive_limit, "BEGIN", 40)
    monkeypatch.setattr(adaptive_limit.AdaptiveLimit, "refused", lambda self: False)
    with pytest.raises(Unavailable):
        ask(*(request(str(number)) for number in range(60)), concurrency=40)


def test_answers_come_in_the_order_of_the_requests(serve: Callable[..., Service]) -> None:
    def echo(handler: BaseHTTPRequestHandler) -> None:
        said = service.seen[-1][2]["messages"][0]["content"]
        with lock:
            time.sleep(0.05 if said == "0" else 0)
            send(completion(said))(handler)

    lock = threading.Lock()
    service = serve(echo)
    answers = ask(*(request(str(number)) for number in range(5)), concurrency=1)
    assert [answer.text for answer in answers] == ["0", "1", "2", "3", "4"]


def test_what_was_paid_for_is_not_asked_twice_when_another_request_fails(serve: Callable[..., Service]) -> None:
    service = serve(send(completion("first")), send(error("no"), 400), send(completion("second")))
    one, other = request("1"), request("2")

    async def run() -> list[str]:
        engine = model(concurrency=1).open()
        with pytest.raises(Unavailable):
            await engine.generate([one, other])
        answers = await engine.generate([one, other])
        await engine.close()
        return [answer.text for answer in answers]

    assert asyncio.run(run()) == ["first", "second"]
    assert [body["messages"][0]["content"] for _, _, body in service.seen] == ["1", "2", "2"]


def test_what_a_service_cannot_do_it_says(serve: Callable[..., Service]) -> None:
    serve(send(completion()))
    engine = model().open()
    with pytest.raises(Unavailable, match="no log-probabilities"):
        asyncio.run(engine.score([ScoreRequest((), "a", "b")]))
    with pytest.raises(Unavailable, match="no rewards"):
        asyncio.run(engine.reward([RewardRequest("q", ("a",), 10)]))
    assert engine.count_tokens("12345") == 2 and engine.opening("q") == (Segment("q"),)
