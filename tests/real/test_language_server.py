"""The language server as an editor meets it: a process of its own, spoken to over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient

from cordspec.diagnostics import Source
from cordspec.extension.registry import Registry
from cordspec.model import resolve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

COMMAND = [sys.executable, "-c", "from cordspec.editor.server import serve; serve()"]
FACE = "\N{GRINNING FACE}"
TEXT = f"""cord 1
let few = 5
experiment e {{ seed = 3 }}
problems p : inventory {{ count = few }}
model a : mini {{ name = adder }}
model b : mini {{ name = prover }}
pool both {{ teachers = [a, b], temperature = 0.6 }}
segmenter steps : step_header {{ marker = "{FACE}{{n}}", max_step = 64tok }}
scorer pp : predictive_perplexity {{ prover = b }}
search beam4 : beam {{ size = 4 }}
decode traces {{ problems = p, pool = both, segmenter = steps, scorer = pp, search = beam4 }}
"""


HEARD: WeakKeyDictionary[LanguageClient, deque[types.PublishDiagnosticsParams]] = WeakKeyDictionary()
"""Diagnostics that arrived and that no test has looked at yet: two may come in one go, so nothing waits for "the next"."""


def listen(client: LanguageClient) -> None:
    """Keep what arrives from now on."""
    if client in HEARD:
        return
    heard = HEARD[client] = deque()

    def on_arrival(params: types.PublishDiagnosticsParams) -> None:
        heard.append(params)
        client.protocol.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, on_arrival)

    client.protocol.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, on_arrival)


async def published(client: LanguageClient, uri: str) -> types.PublishDiagnosticsParams:
    """The diagnostics of a document that arrive next."""
    async with asyncio.timeout(20):
        while True:
            while HEARD[client]:
                params = HEARD[client].popleft()
                if params.uri == uri:
                    return params
            await asyncio.sleep(0.005)


class Document:
    """One document that is open in a client."""

    def __init__(self, client: LanguageClient, path: Path, encoding: str = "utf-16-le") -> None:
        self.client = client
        self.uri = path.as_uri()
        self.text = ""
        self._version = 0
        self._width = {"utf-16-le": 2, "utf-8": 1, "utf-32-le": 4}[encoding]
        self._encoding = encoding
        listen(client)

    async def open(self, text: str) -> list[types.Diagnostic]:
        self.text = text
        item = types.TextDocumentItem(self.uri, "cord", self._version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self.shown()

    async def replace(self, old: str, new: str) -> list[types.Diagnostic]:
        """Change one part of the text, as typing does."""
        assert self.text.count(old) == 1
        start = self.text.index(old)
        self._version += 1
        change = types.TextDocumentContentChangePartial(types.Range(self.at(start), self.at(start + len(old))), new)
        self.text = self.text.replace(old, new)
        identity = types.VersionedTextDocumentIdentifier(self._version, self.uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identity, [change]))
        return await self.shown()

    async def shown(self) -> list[types.Diagnostic]:
        """The diagnostics of this version."""
        while True:
            params = await published(self.client, self.uri)
            if params.version == self._version:
                return list(params.diagnostics)

    def at(self, offset: int) -> types.Position:
        before = self.text[:offset]
        last = before.rpartition("\n")[2]
        return types.Position(before.count("\n"), len(last.encode(self._encoding)) // self._width)

    def place(self, marked: str) -> dict[str, object]:
        """Where the cursor of a part of the text is."""
        start = self.text.index(marked.replace("|", ""))
        return {
            "text_document": types.TextDocumentIdentifier(self.uri),
            "position": self.at(start + marked.index("|")),
        }

    def under(self, range_: types.Range) -> str:
        """The text of a range."""
        lines = self.text.split("\n")
        assert range_.start.line == range_.end.line
        line = lines[range_.start.line].encode(self._encoding)
        return line[range_.start.character * self._width : range_.end.character * self._width].decode(self._encoding)


@pytest_lsp.fixture(config=ClientServerConfig(server_command=COMMAND), scope="module")
async def client(lsp_client: LanguageClient) -> AsyncIterator[None]:
    await lsp_client.initialize_session(types.InitializeParams(capabilities=types.ClientCapabilities()))
    yield
    await lsp_client.shutdown_session()


@asynccontextmanager
async def started(
    environment: dict[str, str] | None = None, **params: object
) -> AsyncIterator[tuple[LanguageClient, types.InitializeResult]]:
    """A server of a test's own."""
    config = ClientServerConfig(server_command=COMMAND, server_env={**os.environ, **(environment or {})})
    found = await config.start()
    assert isinstance(found, LanguageClient)
    capabilities = params.pop("capabilities", types.ClientCapabilities())
    assert isinstance(capabilities, types.ClientCapabilities)
    result = await found.initialize_session(types.InitializeParams(capabilities=capabilities, **params))
    yield found, result
    await found.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def document(client: LanguageClient, tmp_path: Path) -> AsyncIterator[Document]:
    (tmp_path / "pyproject.toml").write_text("")
    opened = Document(client, tmp_path / "spec.cord")
    assert await opened.open(TEXT) == []
    yield opened
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(opened.uri)))


@pytest.mark.parametrize("old", ["scorer = pp", "size = 4 }", "few = 5", "search beam4", "cord 1", 'prover = b'])  # fmt: skip
async def test_the_diagnostics_of_every_version_are_those_of_validate(document: Document, old: str) -> None:
    for new in (old[:-1], f"{old} {old}", old.replace("=", ":"), f"{old}\n# {FACE} done"):
        shown = await document.replace(old, new)
        name = str(Path(document.uri.removeprefix("file://")))
        fresh = resolve(Source(name, document.text), Registry(), library=True)[1]
        assert [one.code for one in shown] == [one.code for one in fresh]
        assert [one.message.split("\n")[0] for one in shown] == [one.message for one in fresh]
        for one, other in zip(shown, fresh, strict=True):
            assert one.severity == (1 if other.severity == "error" else 2)
            assert len(one.related_information or []) == len(other.related)
            assert other.span is not None
            assert one.range == types.Range(document.at(other.span.start), document.at(other.span.end))
        assert await document.replace(document.text, TEXT) == []


async def test_a_range_after_a_character_of_two_units_is_where_the_editor_sees_it(document: Document) -> None:
    (found,) = await document.replace("max_step = 64tok", "max_step = 64")
    assert document.under(found.range) == "64"
    assert found.code == "E203" and found.source == "cordspec" and "write `64tok`" in found.message


async def test_completion_replaces_what_has_been_typed(document: Document) -> None:
    await document.replace("max_step = 64tok", "max_step = 6")
    found = await document.client.text_document_completion_async(
        types.CompletionParams(**document.place("max_step = 6|"))
    )
    assert isinstance(found, types.CompletionList) and found.is_incomplete
    (item,) = found.items
    assert item.label == "6tok" and item.kind == types.CompletionItemKind.Unit
    assert isinstance(item.text_edit, types.TextEdit)
    assert document.under(item.text_edit.range) == "6" and item.text_edit.new_text == "6tok"


async def test_completion_follows_every_change(document: Document) -> None:
    await document.replace("search beam4 : beam { size = 4 }", "search beam4 : beam { size = 4, ")
    found = await document.client.text_document_completion_async(
        types.CompletionParams(**document.place("size = 4, |"))
    )
    assert isinstance(found, types.CompletionList)
    assert [item.label for item in found.items] == ["samples", "finished"]


async def test_hover_explains_a_field(document: Document) -> None:
    found = await document.client.text_document_hover_async(types.HoverParams(**document.place("max|_step")))
    assert found is not None and isinstance(found.contents, types.MarkupContent) and found.range is not None
    assert "number with a unit (tok)" in found.contents.value and "`64tok`, set here" in found.contents.value
    assert document.under(found.range) == "max_step"


async def test_definition_references_and_rename(document: Document) -> None:
    place = document.place("segmenter = st|eps")
    (found,) = await document.client.text_document_definition_async(types.DefinitionParams(**place)) or []
    assert isinstance(found, types.Location)
    assert found.uri == document.uri and found.range.start.line == 7 and document.under(found.range) == "steps"
    context = types.ReferenceContext(include_declaration=True)
    references = await document.client.text_document_references_async(types.ReferenceParams(**place, context=context))
    assert [one.range.start.line for one in references or []] == [7, 10]
    prepared = await document.client.text_document_prepare_rename_async(types.PrepareRenameParams(**place))
    assert isinstance(prepared, types.PrepareRenamePlaceholder) and prepared.placeholder == "steps"
    edit = await document.client.text_document_rename_async(types.RenameParams(**place, new_name="headers"))
    assert edit is not None and edit.changes is not None
    assert [(document.under(one.range), one.new_text) for one in edit.changes[document.uri]] == [
        ("steps", "headers")
    ] * 2


async def test_a_rename_that_cannot_be_is_refused_with_its_reason(document: Document) -> None:
    place = document.place("segmenter = st|eps")
    with pytest.raises(JsonRpcException, match="`beam4` is taken, by a search"):
        await document.client.text_document_rename_async(types.RenameParams(**place, new_name="beam4"))
    with pytest.raises(JsonRpcException, match="only blocks"):
        await document.client.text_document_prepare_rename_async(
            types.PrepareRenameParams(**document.place("max|_step"))
        )


async def test_other_files_are_found_told_of_and_watched(document: Document, tmp_path: Path) -> None:
    library = tmp_path / "sets.cord"
    library.write_text("cord 1\nproblems q : inventory { cuont = 3 }\n")
    await document.replace("cord 1\n", 'cord 1\nimport "sets.cord" as sets\n')
    await document.replace("problems = p", "problems = sets.q")
    assert [one.code for one in document.client.diagnostics[library.as_uri()]] == ["E110"]
    found = await document.client.text_document_definition_async(types.DefinitionParams(**document.place("sets.|q")))
    assert isinstance(found, list)
    assert [one.uri for one in found if isinstance(one, types.Location)] == [library.as_uri()]
    library.write_text("cord 1\nproblems q : inventory { count = 3 }\n")
    event = types.FileEvent(library.as_uri(), types.FileChangeType.Changed)
    document.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
    while (await published(document.client, library.as_uri())).diagnostics:
        pass  # what was said of it before
    assert not document.client.diagnostics[library.as_uri()]


async def test_the_outline_has_blocks_and_constants(document: Document) -> None:
    whole = types.DocumentSymbolParams(types.TextDocumentIdentifier(document.uri))
    found = await document.client.text_document_document_symbol_async(whole)
    assert found is not None
    entries = [(one.name, one.detail) for one in found if isinstance(one, types.DocumentSymbol)]
    assert entries[:3] == [("few", "5"), ("e", "experiment"), ("p", "problems : inventory")] and len(entries) == 10


async def test_a_quick_fix_mends_its_diagnostic(document: Document) -> None:
    (diagnostic,) = await document.replace("scorer = pp", "scorer = pq")
    context = types.CodeActionContext(diagnostics=[diagnostic])
    where = types.TextDocumentIdentifier(document.uri)
    found = await document.client.text_document_code_action_async(
        types.CodeActionParams(where, diagnostic.range, context)
    )
    assert found is not None
    (action,) = found
    assert isinstance(action, types.CodeAction) and action.title == "write `pp`" and action.is_preferred
    assert action.edit is not None and action.edit.changes is not None
    (edit,) = action.edit.changes[document.uri]
    assert document.under(edit.range) == "pq"
    assert await document.replace("scorer = pq", f"scorer = {edit.new_text}") == []


async def test_formatting_changes_the_layout_and_leaves_a_broken_text_alone(document: Document) -> None:
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    whole = types.DocumentFormattingParams(types.TextDocumentIdentifier(document.uri), options)
    edits = await document.client.text_document_formatting_async(whole)
    assert edits is not None and len(edits) == 1
    assert "search beam4 : beam { size = 4 }" in " ".join(edits[0].new_text.split())
    await document.replace("size = 4 }", "size = ")
    assert not await document.client.text_document_formatting_async(whole)


async def test_a_question_that_fails_does_not_end_the_server(document: Document) -> None:
    nowhere = types.TextDocumentIdentifier("file:///nowhere.cord")
    with pytest.raises(JsonRpcException):
        await document.client.text_document_hover_async(types.HoverParams(nowhere, types.Position(0, 0)))
    change = types.VersionedTextDocumentIdentifier(1, nowhere.uri)
    whole = types.TextDocumentContentChangeWholeDocument("cord 1\n")
    document.client.text_document_did_change(types.DidChangeTextDocumentParams(change, [whole]))
    assert await document.replace("few = 5", "few = 6") == []


async def test_a_document_that_is_closed_shows_nothing(client: LanguageClient, tmp_path: Path) -> None:
    document = Document(client, tmp_path / "spec.cord")
    assert await document.open("cord 1\nmodel\n") != []
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(document.uri)))
    await published(client, document.uri)
    assert not client.diagnostics[document.uri]


@pytest.mark.parametrize(("asked", "encoding"), [("utf-8", "utf-8"), ("utf-32", "utf-32-le")])
async def test_an_editor_may_ask_for_other_units(tmp_path: Path, asked: str, encoding: str) -> None:
    general = types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(asked)])
    async with started(capabilities=types.ClientCapabilities(general=general)) as (client, result):
        assert result.capabilities.position_encoding == asked
        document = Document(client, tmp_path / "spec.cord", encoding)
        await document.open(TEXT)
        (found,) = await document.replace("max_step = 64tok", "max_step = 64")
        assert document.under(found.range) == "64"
        await client.shutdown_session()


async def test_a_name_in_a_file_outside_of_the_workspace_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "base.cord").write_text(TEXT)
    folder = tmp_path / "work"
    folder.mkdir()
    workspace = [types.WorkspaceFolder(uri=folder.as_uri(), name="work")]
    async with started(workspace_folders=workspace) as (client, _):
        document = Document(client, folder / "spec.cord")
        assert await document.open('cord 1\nextends "../base.cord"\nsearch wide like beam4 { size = 9 }\n') == []
        rename = types.RenameParams(**document.place("like be|am4"), new_name="narrow")
        with pytest.raises(JsonRpcException, match="outside of the workspace"):
            await client.text_document_rename_async(rename)
        own = types.RenameParams(**document.place("search wi|de"), new_name="narrow")
        assert await client.text_document_rename_async(own) is not None
        await client.shutdown_session()


async def test_what_a_plugin_prints_does_not_get_among_the_messages(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "from cordspec.plugin import Options, Search, hookimpl\nimport os\nprint('loud')\nos.write(1, b'louder')\n"
        "class Loud(Search[Options]):\n    name = 'loud'\n    unit = 'step'\n    def start(self, setting): ...\n"
        "@hookimpl\ndef cordspec_components():\n    yield Loud\n"
    )
    metadata = tmp_path / "loud-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[cordspec]\nsearch.loud = loud\n")
    async with started({"PYTHONPATH": str(tmp_path)}) as (client, _):
        document = Document(client, tmp_path / "spec.cord")
        assert await document.open(TEXT + "search c : loud {}\n") == []
        await client.shutdown_session()


async def test_the_server_ends_with_0_after_a_shutdown_and_with_1_without() -> None:
    for asks, code in ((True, 0), (False, 1)):
        async with started() as (client, _):
            server = client._server
            assert server is not None
            if asks:
                await client.shutdown_session()
            else:
                client.exit(None)
            assert await server.wait() == code
