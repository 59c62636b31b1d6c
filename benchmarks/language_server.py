"""Typing into specs of 500 and 50 lines, measured by a client over standard input and output, as an editor does.

A keystroke is answered when the diagnostics of that very version have arrived. Completion is asked after the keystroke, as
editors do. The spec is valid but for what is being typed; one of the places is in a text with a bracket missing far above.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types
from pytest_lsp import LanguageClient

COMMAND = (sys.executable, "-c", "from cordspec.editor.server import serve; serve()")
LINES = (500, 50)


def spec(lines: int) -> str:
    """A valid spec of about so many lines: sets of problems, models, pools, searches and decodes, and measurements."""
    text = "cord 1\n\nexperiment typed { seed = 1 }\n\nmodel prover : mini { name = prover }\n"
    text += (
        "segmenter steps : step_header { max_step = 64tok }\nscorer pp : predictive_perplexity { prover = prover }\n"
    )
    number = 0
    while text.count("\n") + 16 <= lines:
        text += _group(number)
        number += 1
    return text + "# end\n" * (lines - text.count("\n"))


def _group(number: int) -> str:
    return f"""
## Problems that group {number} is about.
problems train{number} : inventory {{ count = {10 + number}, seed = {number} }}
model adder{number} : mini {{ name = adder }}
pool pool{number} {{ teachers = [adder{number}], temperature = 0.6 }}
search beam{number} : beam {{ size = 4 }}
decode traces{number} {{
  problems  = train{number}
  pool      = pool{number}
  segmenter = steps
  scorer    = pp
  search    = beam{number}
  budget    = {{ thinking = 512tok, answer = 64tok }}
}}
eval alone{number} : math_answers {{ model = adder{number}, problems = train{number}, samples = 4 }}
"""


PLACES = {
    "a number near the top": ("seed = 1", "23"),
    "a reference in the middle": ("search    = beam{middle}", "7"),
    "a new field near the end": ("samples = 4 }}\n", "\nsearch late : beam { size = 4 }"),
    "a comment in the middle": ("## Problems that group {middle}", " and more"),
}
"""After which text is typed (in the last group that has it), and what."""


class Typist:
    """One document in a server, typed into one character at a time."""

    def __init__(self, client: LanguageClient, uri: str, text: str) -> None:
        self._client = client
        self._uri = uri
        self._text = text
        self._version = 0
        self._seen = 0
        self._arrived = asyncio.Event()

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def arrived(params: types.PublishDiagnosticsParams) -> None:
            client.diagnostics[params.uri] = params.diagnostics
            if params.uri == uri:
                self._seen = params.version or 0
                self._arrived.set()

    async def open(self) -> None:
        document = types.TextDocumentItem(self._uri, "cord", self._version, self._text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(document))
        await self._until_shown()

    async def replace(self, start: int, end: int, new: str) -> float:
        """The milliseconds from a change to its diagnostics."""
        self._version += 1
        change = types.TextDocumentContentChangePartial(types.Range(self._at(start), self._at(end)), new)
        identity = types.VersionedTextDocumentIdentifier(self._version, self._uri)
        self._text = self._text[:start] + new + self._text[end:]
        begin = time.perf_counter()
        self._client.text_document_did_change(types.DidChangeTextDocumentParams(identity, [change]))
        await self._until_shown()
        return (time.perf_counter() - begin) * 1000

    async def complete(self, offset: int) -> float:
        """The milliseconds of a completion."""
        where = types.CompletionParams(types.TextDocumentIdentifier(self._uri), self._at(offset))
        begin = time.perf_counter()
        await self._client.text_document_completion_async(where)
        return (time.perf_counter() - begin) * 1000

    async def _until_shown(self) -> None:
        while self._seen < self._version or self._uri not in self._client.diagnostics:
            self._arrived.clear()
            await self._arrived.wait()

    def _at(self, offset: int) -> types.Position:
        before = self._text[:offset]
        return types.Position(before.count("\n"), offset - before.rfind("\n") - 1)


async def measured(lines: int, rounds: int, *, broken: bool) -> dict[str, list[float]]:
    text = spec(lines)
    if broken:
        text = text.replace("model prover : mini {", "model prover : mini ", 1)
    with tempfile.TemporaryDirectory() as directory:
        client = LanguageClient(converter_factory=_converter())
        await client.start_io(*COMMAND)
        await client.initialize_session(types.InitializeParams(capabilities=types.ClientCapabilities()))
        uri = (Path(directory) / "typed.cord").as_uri()
        typist = Typist(client, uri, text)
        await typist.open()
        assert bool(client.diagnostics[uri]) == broken, [one.message for one in client.diagnostics[uri]]
        times: dict[str, list[float]] = {"keystroke": [], "completion": [], "server CPU of both": []}
        for after, typed in _places(text):
            for _ in range(rounds):
                start = at = text.rindex(after) + len(after)
                for character in typed:
                    before = _cpu_ms(client)
                    times["keystroke"].append(await typist.replace(at, at, character))
                    at += 1
                    times["completion"].append(await typist.complete(at))
                    times["server CPU of both"].append(_cpu_ms(client) - before)
                await typist.replace(start, at, "")
        await client.shutdown_session()
        await client.stop()
    return times


def _cpu_ms(client: LanguageClient) -> float:
    """What the server has used of the processor, which other programs on the machine change less than the time it takes."""
    server = client._server
    assert server is not None
    usage = Path(f"/proc/{server.pid}/schedstat")
    return int(usage.read_text().split()[0]) / 1e6 if usage.exists() else math.nan


def _places(text: str) -> Iterator[tuple[str, str]]:
    middle = text.count("decode traces") // 2
    for after, typed in PLACES.values():
        yield after.format(middle=middle), typed


def _converter():
    from pygls.protocol import default_converter

    return default_converter


def _figures(times: list[float]) -> dict[str, float]:
    return {
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
        "n": len(times),
    }


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    if not platform.processor() and information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5, help="how often each place is typed into")
    options = arguments.parse_args()
    load = [round(one, 1) for one in os.getloadavg()]
    result: dict[str, object] = {
        "python": platform.python_version(), "cpu": _cpu(), "cores": os.cpu_count(), "load_before": load,
    }  # fmt: skip
    for lines in LINES:
        for broken in (False, True):
            times = asyncio.run(measured(lines, options.rounds, broken=broken))
            title = f"{lines} lines, {'broken' if broken else 'valid'}"
            figures = {what: _figures(each) for what, each in times.items()}
            result[title] = figures
            for what, one in figures.items():
                print(
                    f"{title:<18} {what:<11} median {one['median_ms']:6.1f} ms   p95 {one['p95_ms']:6.1f} ms   n {one['n']}"
                )
    target = Path(__file__).parent / "results" / "language_server.json"
    target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
