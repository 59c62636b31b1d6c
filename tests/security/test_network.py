"""S13 to S15, S17: whom a run calls, and how much it takes from whoever answers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cordspec.cli.main import main
from cordspec.diagnostics import Source
from cordspec.errors import PolicyError
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.plugin import GenerateRequest, Refused, Sampling, Segment, Unavailable
from cordspec.run.workshop import component_errors, model_of
from cordspec_api import engine as api
from cordspec_api import origins
from cordspec_api.address import Address, addresses_of
from cordspec_api.operator import without_keys
from cordspec_api.origins import origin_of, refuse_credentials, refuse_literal
from cordspec_serving import connection as serving
from cordspec_serving.connection import Connection
from tests.security import hostile_servers as scripts
from tests.security.hostile_servers import HostileServer, Script, redirect, saying

HOSTILE: list[Script] = [
    scripts.endless, scripts.promised, scripts.bomb, scripts.one_line, scripts.deep, scripts.endless_header,
    scripts.many_headers, scripts.numbers,
]  # fmt: skip
KEY = "sk-canary-0123456789"
MUCH = 96 * 2**20
"""Bytes that a client may have taken when a cap of 4 MiB stops it, with all buffers in between."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of whoever runs these tests, no pauses, small caps."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "CORDSPEC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(api, "LARGEST_REPLY", 4 * 2**20)
    monkeypatch.setattr(serving, "PAUSES", (0.01,), raising=False)
    monkeypatch.setattr(serving, "LARGEST_ANSWER", 4 * 2**20, raising=False)


def chat(url: str, key: str = "") -> str:
    """What asking a chat service at a URL comes to: its answer, or the error."""

    async def run() -> str:
        manners = api.Manners("m", "max_tokens", "given", 0, 20.0, 1)
        engine = api.ApiEngine(Address("x", url, key), manners)
        try:
            request = GenerateRequest((Segment("q"),), Sampling(0.0), (), 8, 1)
            return (await engine.generate([request]))[0].text
        except (Unavailable, Refused) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            await engine.close()

    return asyncio.run(run())


def served(url: str, key: str = "") -> str:
    """What asking a server that continues prompts comes to."""

    async def run() -> str:
        connection = Connection(Address("x", url, key))
        try:
            return json.dumps(await connection.post("/v1/completions", {"prompt": [1]}))
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            await connection.close()

    return asyncio.run(run())


NO_ANSWER = ("Unavailable", "NotOffered", "Failed", "BadScores")
"""The kinds of `Unavailable`, each told as such."""
CLIENTS = pytest.mark.parametrize("client", [chat, served], ids=["chat", "served"])


# S17: caps


@pytest.mark.item("S17")
@CLIENTS
@pytest.mark.parametrize("script", HOSTILE, ids=lambda script: script.__name__)
def test_an_answer_without_end_is_stopped_early(client: Any, script: Script) -> None:
    with HostileServer(script) as server:
        said = client(server.url)
        assert said.startswith(NO_ANSWER), said
        assert server.sent < MUCH, server.sent
    assert len(said) < 600 and said.isprintable()


@pytest.mark.item("S17")
@CLIENTS
def test_without_the_cap_the_stream_is_read_on(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded bug: the check above is one that can fail."""
    monkeypatch.setattr(api, "LARGEST_REPLY", 2**40)
    monkeypatch.setattr(serving, "LARGEST_ANSWER", 2**40, raising=False)

    def longer() -> Iterator[bytes]:
        yield scripts.head("Transfer-Encoding: chunked")
        for _ in range(160):
            yield b"100000\r\n" + scripts.CHUNK + b"\r\n"
        yield b"0\r\n\r\n"

    with HostileServer(longer) as server:
        client(server.url)
        assert server.sent > MUCH


@pytest.mark.item("S17")
@CLIENTS
@pytest.mark.parametrize(
    "content",
    [b"null", b"[]", b"3", b'"x"', b"{", b"NaN", b"\xff", b'{"choices": 3}', b'{"choices": [{}]}', b'{"error": {"message": ["x"]}}'],
)  # fmt: skip
def test_an_answer_of_another_shape_is_no_answer(client: Any, content: bytes) -> None:
    with HostileServer(saying(content)) as server:
        said = client(server.url)
    right_object = client is served and content.startswith(b'{"')
    assert said.startswith("{" if right_object else NO_ANSWER), said


# S14: redirects, proxies, addresses


@pytest.mark.item("S14")
@CLIENTS
@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data/", "elsewhere", "file:///etc/passwd", "/again"]
)
def test_a_redirect_is_not_followed(client: Any, to: str) -> None:
    with (
        HostileServer(saying(b"{}")) as elsewhere,
        HostileServer(redirect(to.replace("elsewhere", elsewhere.url))) as server,
    ):
        said = client(server.url, KEY)
        assert "redirect" in said and said.startswith("Unavailable"), said
        assert elsewhere.asked == [] and len(server.asked) == 1


@pytest.mark.item("S14")
@CLIENTS
def test_a_client_that_follows_is_seen(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeded bugs: both libraries would follow if they were let."""
    import aiohttp
    import httpx2

    original, request = httpx2.AsyncClient.__init__, aiohttp.ClientSession.request

    def following(self: Any, **words: Any) -> None:
        original(self, **{**words, "follow_redirects": True})

    monkeypatch.setattr(httpx2.AsyncClient, "__init__", following)
    monkeypatch.setattr(
        aiohttp.ClientSession,
        "request",
        lambda self, *a, **words: request(self, *a, **{**words, "allow_redirects": True}),
    )
    with HostileServer(saying(b"{}")) as elsewhere, HostileServer(redirect(elsewhere.url)) as server:
        client(server.url, KEY)
        assert elsewhere.asked


@pytest.mark.item("S14")
@CLIENTS
def test_the_environment_names_no_proxy_and_no_other_key(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileServer(saying(b"{}")) as proxy, HostileServer(saying(b"{}")) as server:
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password canary-netrc\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.setenv("HOME", str(tmp_path))
        client(server.url)
        assert proxy.asked == [] and len(server.asked) >= 1
        assert not any(b"uthorization" in one for one in server.asked)


METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::a9fe:a9fe",
    "2002:a9fe:a9fe::", "64:ff9b::a9fe:a9fe", "fe80::1", "fe80::1%lo", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "fd20:ce::254",
]  # fmt: skip


@pytest.mark.item("S14")
@pytest.mark.parametrize("address", METADATA)
def test_addresses_of_credentials_are_refused_in_every_wrapping(address: str) -> None:
    with pytest.raises(Refused, match="credentials"):
        refuse_credentials([address])


@pytest.mark.item("S14")
@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.1", "93.184.216.34", "2606:2800:220:1::1", "fd00::1"]
)
def test_others_are_not(address: str) -> None:
    refuse_credentials([address])


SPELLINGS = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xa9.254.169.254",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]", "169.16689662",
]  # fmt: skip


@pytest.mark.item("S14")
@pytest.mark.parametrize("host", SPELLINGS)
def test_a_url_of_a_metadata_service_is_refused_however_it_is_spelt(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDSPEC_SERVICE_X_URL", f"http://{host}/v1")
    with pytest.raises(Refused, match="credentials"):
        addresses_of("x")


@pytest.mark.item("S14")
@pytest.mark.parametrize(
    "url",
    ["http://user@host/v1", "http://user:pw@host/v1", "http://host@169.254.169.254/v1", "file:///etc/passwd", "unix:///run/x",
     "unix:/run/x", "ftp://host/v1", "gopher://host", "//host/v1", "http:host", "http://", "https://h/v1#f", "http://[::1/v1"],
)  # fmt: skip
def test_other_urls_are_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDSPEC_SERVICE_X_URL", url)
    with pytest.raises(Unavailable, match="no base URL"):
        addresses_of("x")


class Rebinding:
    """A resolver whose answer changes with every question."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *more: Any, **words: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != "rebinding.test":
            return self._real(host, port, *more, **words)
        address = self.addresses[min(self.asked, len(self.addresses) - 1)]
        self.asked += 1
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        where = (address, port or 0) if family == socket.AF_INET else (address, port or 0, 0, 0)
        return [(family, socket.SOCK_STREAM, 6, "", where)]


@pytest.mark.item("S14")
@CLIENTS
def test_a_name_that_leads_to_a_metadata_service_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("169.254.169.254", "::ffff:169.254.169.254"):
        monkeypatch.setattr(socket, "getaddrinfo", Rebinding(address))
        assert client("http://rebinding.test:80", KEY).startswith("Refused"), address


@pytest.mark.item("S14")
@CLIENTS
def test_a_connection_goes_to_the_address_that_was_looked_at(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads here when it is looked at and elsewhere a moment later: only one question is asked."""
    with HostileServer(saying(b"{}")) as server:
        rebinding = Rebinding("127.0.0.1", "169.254.169.254")
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        client(f"http://rebinding.test:{server.port}")
        assert rebinding.asked == 1 and server.asked
        assert b"host: rebinding.test" in server.asked[0].lower()


@pytest.mark.item("S14")
@CLIENTS
def test_without_the_look_the_metadata_service_would_be_called(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded bug."""
    monkeypatch.setattr(origins, "CREDENTIALS", ())
    refuse_literal("http://169.254.169.254/")
    monkeypatch.setattr(socket, "getaddrinfo", Rebinding("127.0.0.9"))
    assert not client("http://rebinding.test:9").startswith("Refused")


# S15: keys are bound to origins


CONFIGURATION = """
[services]
api = ["http://127.0.0.1:{port}/v1"]
far = ["https://api.example.com/v1"]

[origins."http://127.0.0.1:{port}"]
key_env = "BOUND_KEY"
[origins."https://api.example.com"]
key_file = "{file}"
[origins."https://open.example.com:8443"]
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "key").write_text("sk-from-a-file\n")
    path = tmp_path / "config" / "cordspec" / "operator.toml"
    path.parent.mkdir(parents=True)
    path.write_text(CONFIGURATION.format(port=8123, file=tmp_path / "key"))
    monkeypatch.setenv("BOUND_KEY", KEY)
    return path


@pytest.mark.item("S15")
def test_a_key_goes_to_its_origin_and_nowhere_else(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.key for one in addresses_of("api")] == [KEY]
    assert [one.key for one in addresses_of("far")] == ["sk-from-a-file"]
    monkeypatch.setenv("CORDSPEC_SERVICE_OTHER_URL", "https://open.example.com:8443/v1")
    assert [one.key for one in addresses_of("other")] == [""]
    monkeypatch.setenv("CORDSPEC_SERVICE_OTHER_URL", "http://localhost:9/v1, http://127.0.0.1:8123/v1")
    assert [one.key for one in addresses_of("other")] == ["", KEY]
    monkeypatch.setenv("CORDSPEC_SERVICE_OTHER_KEY", "sk-of-the-environment")
    assert [one.key for one in addresses_of("other")] == ["sk-of-the-environment", KEY]


@pytest.mark.item("S14", "S15")
@pytest.mark.parametrize(
    "url",
    ["https://evil.example/v1", "http://api.example.com/v1", "https://api.example.com:444/v1", "https://api.example.com.evil/v1",
     "https://open.example.com/v1", "http://10.0.0.1/v1"],
)  # fmt: skip
def test_an_origin_that_is_not_listed_is_refused(configured: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDSPEC_SERVICE_API_URL", url)
    with pytest.raises(Refused, match="not among the origins") as caught:
        addresses_of("api")
    assert str(configured) in caught.value.help and KEY not in str(caught.value) + caught.value.help


@pytest.mark.item("S15")
def test_without_a_configuration_the_environment_says_who_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The laptop's case: a server on this machine, or one that the operator's environment names."""
    for url in ("http://127.0.0.1:8000", "http://localhost:8000/v1", "https://api.example.com/v1"):
        monkeypatch.setenv("CORDSPEC_SERVICE_X_URL", url)
        assert [one.url for one in addresses_of("x")] == [url]


@pytest.mark.item("S15")
def test_this_machine_needs_no_entry(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("http://127.0.0.1:8000", "http://[::1]:8000", "http://localhost:8000/v1"):
        monkeypatch.setenv("CORDSPEC_SERVICE_X_URL", url)
        assert [(one.url, one.key) for one in addresses_of("x")] == [(url, "")]


SPEC = """cord 1
experiment e {{}}
problems p : inventory {{ count = 1 }}
model a : mini {{ name = adder }}
model far : openai {{ service = "{service}", model = "m" }}
pool one {{ teachers = [a] }}
segmenter steps : step_header {{ max_step = 16tok }}
scorer judged : binary_judge {{ judge = far }}
search greedy : beam {{ size = 1 }}
decode traces {{
  problems = p, pool = one, segmenter = steps, scorer = judged, search = greedy
  budget = {{ thinking = 16tok, answer = 8tok }}
}}
"""


@pytest.mark.item("S15")
@pytest.mark.parametrize(
    "service",
    ["https://evil.example/v1", "http://127.0.0.1:1", " HTTPS://evil", "file:///etc/passwd", "evil+https://x"],
)
def test_a_spec_that_names_an_address_is_refused(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (SPEC.format(service=service), SPEC.format(service="x").replace('"m"', f'"{service}"'),
                 SPEC.format(service="@").replace('"@"', "u") + f'let u = "{service}"\n'):  # fmt: skip
        (tmp_path / "t.cord").write_text(text)
        assert main(["validate", "--format", "concise", "t.cord"]) == 1
        assert "error[E505]" in capsys.readouterr().out
        assert main(["run", "t.cord"]) == 1
        assert not (tmp_path / "runs").exists()


@pytest.mark.item("S14", "S15")
def test_a_run_that_would_call_another_origin_ends_before_anything_is_sent(
    configured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORDSPEC_SERVICE_FAR_URL", "https://evil.example/v1")
    experiment = resolve(Source("t.cord", SPEC.format(service="far").replace("judge = far", "judge = a")), Registry())[
        0
    ]
    assert experiment is not None
    block = experiment.blocks["far"]
    with pytest.raises(PolicyError) as caught, component_errors(block):
        model_of(block).open()
    (told,) = caught.value.diagnostics
    assert told.code == "E505" and caught.value.exit_code == 7


@pytest.mark.item("S15")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", ""), ("x = 1", "takes origins, services"), ("[origins.\"https://h\"]\nkey = 'sk-in-the-file'", "takes key_env, key_file"),
        ("[origins.\"https://h\"]\nkey_env = 'A'\nkey_file = 'B'", "takes one of"), ("[origins.\"ftp://h\"]", "http or https"),
        ("[services]\nx = [3]", "texts in a list"), ("#" + "x" * 70_000, "larger than"), ("[origins]\n\"https://h\" = 3", "takes"),
    ],
)  # fmt: skip
def test_a_configuration_that_is_none_is_said(configured: Path, text: str, said: str) -> None:
    configured.write_text(text)
    with pytest.raises(Unavailable, match="operator's configuration") as caught:
        addresses_of("api")
    assert said in str(caught.value) and "sk-in-the-file" not in str(caught.value)


@pytest.mark.item("S15")
def test_a_key_that_is_not_there_is_said_and_nothing_else_is_sent_in_its_place(
    configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOUND_KEY")
    monkeypatch.setenv("CORDSPEC_SERVICE_API_KEY", "sk-another")
    with pytest.raises(Unavailable, match="is not in BOUND_KEY"):
        addresses_of("api")


@pytest.mark.item("S15")
def test_a_checkout_cannot_bring_a_configuration(
    configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "checkout"
    for place in ("operator.toml", "cordspec/operator.toml", ".config/cordspec/operator.toml", "cordspec.toml", ".env"):
        (checkout / place).parent.mkdir(parents=True, exist_ok=True)
        (checkout / place).write_text('[services]\napi = ["https://evil.example/v1"]\n')
    monkeypatch.chdir(checkout)
    assert [one.url for one in addresses_of("api")] == ["http://127.0.0.1:8123/v1"]


@pytest.mark.item("S15", "S16")
def test_other_programs_are_given_no_key(configured: Path) -> None:
    environment = {
        "PATH": "/bin",
        "BOUND_KEY": KEY,
        "CORDSPEC_SERVICE_X_KEY": KEY,
        "CORDSPEC_SERVICE_X_URL": "http://h",
    }
    assert without_keys(environment) == {"PATH": "/bin", "CORDSPEC_SERVICE_X_URL": "http://h"}


@pytest.mark.item("S14")
@pytest.mark.parametrize(
    ("url", "origin"),
    [("https://H.example:443/v1", "https://h.example"), ("http://h:80", "http://h"), ("http://[::1]:8/x", "http://[::1]:8"),
     ("https://h.:8443", "https://h:8443")],
)  # fmt: skip
def test_origins_are_compared_in_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.item("S15")
@pytest.mark.parametrize("document", ["SECURITY.md", "docs/engines.md"])
def test_the_configuration_in_the_documents_is_one(
    document: str, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parents[2] / document).read_text()
    (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    configured.write_text(shown)
    monkeypatch.setenv("EXAMPLE_KEY", KEY)
    assert [(one.url, one.key) for one in addresses_of("openai")] == [("https://api.example.com/v1", KEY)]
