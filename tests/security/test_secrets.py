"""S16: a key is in the request and nowhere else: not in files, on streams, in logs or in tracebacks, whatever goes wrong."""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from cordspec.cli.main import main
from cordspec_api import engine as api
from cordspec_api.address import Address
from tests.security import hostile_servers as scripts
from tests.security.hostile_servers import HostileServer, Script, head, saying
from tests.security.planted import files

SPEC = """cord 1
experiment small { seed = 5 }
problems p : inventory { count = 1, seed = 3, length = 2..2 }
model adder   : mini { name = adder }
model prover  : mini { name = prover }
model service : openai { service = "merging", model = "m", retries = 1, timeout = 20s }
pool one { teachers = [adder], temperature = 0.8 }
segmenter steps : step_header { max_step = 32tok }
scorer pp : predictive_perplexity { prover = prover }
search merged : integration { integrator = service, traces_per_teacher = 2 }
decode traces {
  problems = p, pool = one, segmenter = steps, scorer = pp, search = merged
  budget = { thinking = 64tok, answer = 16tok }
}
"""


def canary() -> str:
    """A key that no other text is, with characters that URLs write otherwise."""
    return f"sk-{secrets.token_hex(12)}+/={secrets.token_hex(4)}%"


def forms(key: str) -> set[bytes]:
    """The key as it could be found: itself, URL-encoded, in hex, in base64 at every alignment, reversed, as JSON or repr."""
    raw = key.encode()
    found = {
        raw,
        raw[::-1],
        quote(key, safe="").encode(),
        quote_plus(key).encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
    }
    found |= {json.dumps(key)[1:-1].encode(), repr(key)[1:-1].encode(), raw[:20]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            encoded = encode(b"\0" * shift + raw + b"\0" * ((-len(raw) - shift) % 3)).rstrip(b"=")
            found.add(encoded[4 if shift else 0 : -4])
    return found


def leaks(key: str, texts: dict[str, bytes]) -> list[str]:
    """Where a key is found in any of its forms."""
    return [name for name, content in texts.items() if any(form in content for form in forms(key))]


@pytest.mark.item("S16")
def test_every_form_of_a_key_is_found() -> None:
    key = canary()
    made = {
        "itself": key, "a header": f"Authorization: Bearer {key}\r\n", "url": quote(key, safe=""), "hex": key.encode().hex(),
        "json": json.dumps({"k": key}), "basic": base64.b64encode(f"user:{key}".encode()).decode(),
        "base64": base64.b64encode(key.encode()).decode(), "base64 inside": base64.b64encode(f"ab{key}cd".encode()).decode(),
        "url base64": base64.urlsafe_b64encode(f"a{key}".encode()).decode(), "cut": key[:24],
    }  # fmt: skip
    assert leaks(key, {name: text.encode() for name, text in made.items()}) == list(made)
    assert leaks(key, {"another": canary().encode(), "nothing": b""}) == []


def completion(text: str) -> bytes:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 3}}).encode()


def refusing(status: str) -> Callable[[str], Script]:
    """Services like to quote a wrong key, whole, starred out or in a header."""

    def made(key: str) -> Script:
        said = {
            "error": {"message": f"Incorrect API key: {key}. Authorization: Bearer {key}", "code": key, "param": key}
        }
        return saying(json.dumps(said).encode(), status, f"X-Your-Key: {key}", f"WWW-Authenticate: Bearer {key}")

    return made


def moved(key: str) -> Script:
    return saying(b"", "302 Found", f"Location: https://evil.example/?key={quote(key)}")


def quoting(key: str) -> Script:
    return saying(f"<html>{key}</html>".encode())


def torn(key: str) -> Script:
    def script() -> Iterator[bytes]:
        yield head("Content-Length: 4000") + b'{"choices": [{"message": {"content": "' + key.encode()

    return script


def silent(key: str) -> Script:
    return lambda: iter(())


def garbage(key: str) -> Script:
    def script() -> Iterator[bytes]:
        yield f"NOT HTTP {key}\r\n\r\n".encode()

    return script


def plain(script: Script) -> Callable[[str], Script]:
    return lambda key: script


FAILURES: dict[str, Callable[[str], Script]] = {
    "401": refusing("401 Unauthorized"), "403": refusing("403 Forbidden"), "404": refusing("404 Not Found"),
    "400": refusing("400 Bad Request"), "500": refusing("500 Oops"), "503": refusing("503 Busy"), "429": refusing("429 Slow"),
    "a redirect": moved, "no JSON": quoting, "another shape": plain(saying(b'{"choices": []}')), "a torn answer": torn,
    "silence": silent, "no HTTP": garbage, "an endless answer": plain(scripts.endless),
    "deep JSON": plain(scripts.deep),
}  # fmt: skip


class Stage:
    """One run directory in which `cordspec run` is given again and again: the teachers' answers are in its journal."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch, capture: Any, log: pytest.LogCaptureFixture) -> None:
        self.home, self.patch, self.capture, self.log = home, patch, capture, log
        (home / "t.cord").write_text(SPEC)
        (home / "config" / "cordspec").mkdir(parents=True)

    def run(self, url: str, key: str, *more: str, listed: str = "") -> tuple[int, list[str], str]:
        """Exit code, where the key was found, and what was said."""
        origin = listed or url
        text = f'[services]\nmerging = ["{url}/v1"]\n[origins."{origin}"]\nkey_env = "THE_KEY"\n'
        (self.home / "config" / "cordspec" / "operator.toml").write_text(text)
        self.patch.setenv("THE_KEY", key)
        self.log.clear()
        code = main(["run", "t.cord", "--out", "run", *more])
        out, err = self.capture.readouterr()
        texts = {str(file): file.read_bytes() for file in files(self.home)}
        texts |= {"stdout": out.encode(), "stderr": err.encode(), "log": self.log.text.encode()}
        texts |= {f"name {name}": name.encode() for name in list(texts)}
        return code, leaks(key, texts), out + err


@pytest.fixture
def stage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Stage:
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CORDSPEC_CONFIG", raising=False)
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(api, "LARGEST_REPLY", 2**20)
    return Stage(tmp_path, monkeypatch, capsys, caplog)


@pytest.mark.item("S16", "S15")
def test_a_key_is_in_the_request_and_nowhere_else(stage: Stage) -> None:
    """Fifteen servers that fail, five other failures, and success; a new key each time."""
    for name, make in FAILURES.items():
        key = canary()
        with HostileServer(make(key)) as server:
            code, found, said = stage.run(server.url, key)
        assert any(f"Bearer {key}".encode() in one for one in server.asked), name
        assert code == 3 and "error[E601]" in said, (name, said)
        assert found == [], name

    key = canary()
    assert stage.run("http://127.0.0.1:1", key)[:2] == (3, [])
    assert stage.run("https://evil.example", key, listed="https://api.example.com")[:2] == (7, [])
    assert stage.run("http://169.254.169.254", key)[:2] == (7, [])
    assert stage.run("http://127.0.0.1:1", f"{key} with a blank")[:2] == (3, [])

    def broken(self: api.ApiEngine, content: bytes) -> object:
        headers = dict(self._address.headers)
        raise RuntimeError(f"something of our own, with {len(headers)} headers in sight")

    for debug in ("", "1"):
        key = canary()
        with stage.patch.context() as inner, HostileServer(saying(completion("x"))) as server:
            inner.setattr(api.ApiEngine, "_read", broken)
            inner.setenv("CORDSPEC_DEBUG", debug)
            code, found, said = stage.run(server.url, key)
        assert code not in (0, 1, 2) and "something of our own" in said and found == [], said

    key = canary()
    with HostileServer(saying(completion("### Step 1. It is 4.\n</think>\n\\boxed{4}"))) as server:
        code, found, said = stage.run(server.url, key)
        assert (code, found) == (0, []), said
        assert any(f"Bearer {key}".encode() in one for one in server.asked)
    for command in (["report", "run"], ["stats", "run"], ["tree", "run", "--format", "json"], ["export", "run", "--to", "data", "--keep", "all"],
                    ["doctor", "t.cord"], ["plan", "t.cord"], ["lock", "t.cord"], ["show", "t.cord"]):  # fmt: skip
        main(command)
        shown = "".join(stage.capture.readouterr())
        assert (
            leaks(key, {"shown": shown.encode(), **{str(file): file.read_bytes() for file in files(stage.home)}}) == []
        ), command


@pytest.mark.item("S16")
@pytest.mark.parametrize(
    "bug", ["an error passed on as it came", "a key in a traceback", "a key in the journal's neighbour"]
)
def test_a_leak_is_found(stage: Stage, bug: str) -> None:
    """Seeded bugs, each found by the same search."""
    key = canary()

    def telling(self: api.ApiEngine, content: bytes) -> object:
        raise RuntimeError(f"asked with {self._address.headers}")

    def writing(self: api.ApiEngine, content: bytes) -> object:
        Path("run", "debug.bin").write_bytes(base64.b64encode(json.dumps(self._address.headers).encode()))
        raise RuntimeError("x")

    if bug.startswith("an error"):
        stage.patch.setattr(Address, "sanitised", lambda self, message: message)
    else:
        stage.patch.setattr(api.ApiEngine, "_read", telling if "traceback" in bug else writing)
    answer = refusing("401 No")(key) if bug.startswith("an error") else saying(completion("x"))
    with HostileServer(answer) as server:
        assert stage.run(server.url, key)[1] != []


@pytest.mark.item("S16")
def test_a_key_decides_nothing_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints, and so keys of the journal and names of stages, are the same with another key."""
    from cordspec_api.openai import OpenAIModel, OpenAIOptions

    found = set()
    for _ in range(2):
        monkeypatch.setenv("CORDSPEC_SERVICE_X_KEY", canary())
        monkeypatch.setenv("CORDSPEC_SERVICE_X_URL", "http://127.0.0.1:1")
        found.add(OpenAIModel(OpenAIOptions(service="x", model="m")).fingerprint())
    assert len(found) == 1
