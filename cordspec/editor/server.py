"""`cordspec lsp`: the language server over standard input and output. No other file knows the protocol and its library."""

from __future__ import annotations

import gc
import inspect
import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from lsprotocol import types
from pygls.exceptions import FeatureRequestError, JsonRpcException, PyglsError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import from_fs_path, to_fs_path

from cordspec import __version__
from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.editor.actions import actions
from cordspec.editor.analysis import Analysis
from cordspec.editor.completion import complete
from cordspec.editor.definition import definition
from cordspec.editor.desk import Desk, Told
from cordspec.editor.edits import Edit
from cordspec.editor.formatting import formatted
from cordspec.editor.hover import hover
from cordspec.editor.loading import real_path
from cordspec.editor.outline import outline
from cordspec.editor.plugins import PatientRegistry
from cordspec.editor.positions import Encoding, Positions
from cordspec.editor.references import references
from cordspec.editor.rename import RenameRefused, rename, renamed_at
from cordspec.extension.checkout import project_root

NAME: Final = "cordspec"
ALLOCATIONS: Final = 100_000
"""How many new objects the garbage collector waits for. Every keystroke makes a tree anew, and looking through each of
them for cycles, which they have not, would take a third of the time of an answer."""
TRIGGERS: Final = ["=", ":", ".", "[", "{", ",", " "]
COMPLETION_KINDS: Final = {
    "kind": types.CompletionItemKind.Keyword, "keyword": types.CompletionItemKind.Keyword,
    "component": types.CompletionItemKind.Class, "block": types.CompletionItemKind.Reference,
    "field": types.CompletionItemKind.Field, "member": types.CompletionItemKind.EnumMember,
    "let": types.CompletionItemKind.Constant, "unit": types.CompletionItemKind.Unit,
    "truth": types.CompletionItemKind.Value,
}  # fmt: skip
SYMBOL_KINDS: Final = {
    "let": types.SymbolKind.Constant, "import": types.SymbolKind.Module, "extends": types.SymbolKind.Module,
    "experiment": types.SymbolKind.Package, "problems": types.SymbolKind.Array, "sweep": types.SymbolKind.Enum,
    "decode": types.SymbolKind.Function, "eval": types.SymbolKind.Function,
}  # fmt: skip


class _Protocol(LanguageServerProtocol):
    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Generator[Any, Any, None]:
        """Hand a change on. The library's copy of the text is left alone: it ends lines where the protocol does not."""
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class _Server(LanguageServer):
    def report_server_error(self, error: Exception, source: type[PyglsError | JsonRpcException]) -> None:
        """Log what went wrong where nobody waits for an answer; the next message is handled as if nothing had been."""
        if source is FeatureRequestError:
            return  # the answer says it
        message = f"{source.__name__}: {error}"
        self.window_log_message(types.LogMessageParams(type=types.MessageType.Error, message=message))


class Session:
    """One editor: its open documents, and every question of the protocol as a call of a function that knows none of it."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._desk = Desk(PatientRegistry())
        self._uris: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self.has_shut_down = False

    # documents

    def opened(self, params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        name = _name(document.uri)
        self._uris[real_path(name)] = document.uri
        self._versions[real_path(name)] = document.version
        self._publish(self._desk.put(name, document.text))

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        name = _name(params.text_document.uri)
        text = self._desk.text(name)
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                start, end = self._offsets(text, change.range)
                text = text[:start] + change.text + text[end:]
            else:
                text = change.text
        self._versions[real_path(name)] = params.text_document.version
        self._publish(self._desk.put(name, text))

    def closed(self, params: types.DidCloseTextDocumentParams) -> None:
        name = _name(params.text_document.uri)
        self._publish(self._desk.close(name))
        self._uris.pop(real_path(name), None)
        self._versions.pop(real_path(name), None)

    def files_changed(self, _: types.DidSaveTextDocumentParams | types.DidChangeWatchedFilesParams) -> None:
        self._publish(self._desk.refresh())

    def _publish(self, all_told: Iterable[Told]) -> None:
        for told in all_told:
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri=self._uri(told.path),
                    diagnostics=[self._diagnostic(one) for one in told.diagnostics],
                    version=self._versions.get(told.path),
                )
            )

    # questions

    def completion(self, params: types.CompletionParams) -> types.CompletionList:
        analysis, offset = self._asked(params)
        found = complete(analysis, offset)
        items = [
            types.CompletionItem(
                label=one.label,
                kind=COMPLETION_KINDS[one.sort],
                detail=one.detail or None,
                documentation=one.documentation or None,
                sort_text=f"{one.rank}{at:05}",
                filter_text=one.label,
                text_edit=types.TextEdit(self._range(Span(analysis.source, one.start, offset)), one.inserted),
            )
            for at, one in enumerate(found)
        ]
        changes_with_typing = any(one.sort == "unit" for one in found)
        return types.CompletionList(is_incomplete=changes_with_typing, items=items)

    def hover(self, params: types.HoverParams) -> types.Hover | None:
        found = hover(*self._asked(params))
        if found is None:
            return None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, found.text), self._range(found.span))

    def definition(self, params: types.DefinitionParams) -> list[types.Location]:
        return [self._location(span) for span in definition(*self._asked(params))]

    def references(self, params: types.ReferenceParams) -> list[types.Location]:
        analysis, offset = self._asked(params)
        documents = self._desk.analyses(analysis.source.name)
        found = references(documents, offset, with_definitions=params.context.include_declaration)
        return [self._location(span) for span in found]

    def prepare_rename(self, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder:
        analysis, offset = self._asked(params)
        with _refused():
            span = renamed_at([analysis], offset)
        return types.PrepareRenamePlaceholder(self._range(span), span.text)

    def rename(self, params: types.RenameParams) -> types.WorkspaceEdit:
        self._publish(self._desk.refresh())
        analysis, offset = self._asked(params)
        documents = self._desk.analyses(analysis.source.name)
        with _refused():
            return self._edits(rename(documents, offset, params.new_name, self._is_ours(analysis)))

    def symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        return [
            types.DocumentSymbol(
                name=one.name or one.kind,
                detail=one.detail,
                kind=SYMBOL_KINDS.get(one.kind, types.SymbolKind.Object),
                range=self._range(one.span),
                selection_range=self._range(one.name_span),
            )
            for one in outline(self._desk.analysis(_name(params.text_document.uri)))
        ]

    def actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        analysis = self._desk.analysis(_name(params.text_document.uri))
        return [
            types.CodeAction(
                title=one.fix.title,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[self._diagnostic(one.diagnostic)],
                is_preferred=one.fix.sure,
                edit=self._edits([Edit(one.fix.span, one.fix.replacement)]),
            )
            for one in actions(analysis, *self._offsets(analysis.source.text, params.range))
        ]

    def formatting(self, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        source = self._desk.analysis(_name(params.text_document.uri)).source
        return [types.TextEdit(self._range(edit.span), edit.text) for edit in formatted(source)]

    # beginning and end

    async def began(self, _: types.InitializedParams) -> None:
        """Ask to be told of files that change on the disk, where the editor can be asked."""
        workspace = self._server.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace else None
        if watching is not None and watching.dynamic_registration:
            watchers = [types.FileSystemWatcher(glob_pattern="**/*.cord")]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers)
            wanted = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await self._server.client_register_capability_async(types.RegistrationParams([wanted]))

    def shut_down(self, _: None) -> None:
        self.has_shut_down = True

    # words of the protocol

    @property
    def _encoding(self) -> Encoding:
        agreed = self._server.workspace.position_encoding
        return cast(Encoding, agreed.value if isinstance(agreed, types.PositionEncodingKind) else agreed or "utf-16")

    def _asked(self, params: Any) -> tuple[Analysis, int]:
        """The document and the offset that a question is about."""
        analysis = self._desk.analysis(_name(params.text_document.uri))
        position = params.position
        return analysis, _positions(analysis.source.text, self._encoding).offset(position.line, position.character)

    def _offsets(self, text: str, range_: types.Range) -> tuple[int, int]:
        positions = _positions(text, self._encoding)
        start, end = (positions.offset(one.line, one.character) for one in (range_.start, range_.end))
        return start, max(start, end)

    def _range(self, span: Span) -> types.Range:
        positions = _positions(span.source.text, self._encoding)
        start, end = (types.Position(*positions.position(offset)) for offset in (span.start, span.end))
        return types.Range(start, end)

    def _location(self, span: Span) -> types.Location:
        return types.Location(self._uri(real_path(span.source.name)), self._range(span))

    def _diagnostic(self, one: Diagnostic) -> types.Diagnostic:
        span = one.span or Span(Source("", ""), 0, 0)
        related = [types.DiagnosticRelatedInformation(self._location(label.span), label.text) for label in one.related]
        is_error = one.severity == "error"
        return types.Diagnostic(
            range=self._range(span),
            message="\n".join(said for said in (one.message, one.label, one.help) if said),
            severity=types.DiagnosticSeverity.Error if is_error else types.DiagnosticSeverity.Warning,
            code=one.code,
            source=NAME,
            related_information=related or None,
        )

    def _edits(self, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        changes: dict[str, list[types.TextEdit]] = {}
        for edit in edits:
            uri = self._uri(real_path(edit.span.source.name))
            changes.setdefault(uri, []).append(types.TextEdit(self._range(edit.span), edit.text))
        return types.WorkspaceEdit(changes=changes)

    def _uri(self, path: str) -> str:
        """The address of a file: for an open document the one by which the editor knows it."""
        return self._uris.get(path) or from_fs_path(path) or path

    def _is_ours(self, analysis: Analysis) -> Callable[[str], bool]:
        """Which files belong to the workspace; without one, those of the document's project."""
        workspace = self._server.workspace
        folders = [to_fs_path(folder.uri) for folder in workspace.folders.values()] or [workspace.root_path]
        roots = [Path(real_path(folder)) for folder in folders if folder]
        roots = roots or [project_root(Path(analysis.source.name).parent)]
        return lambda name: any(Path(real_path(name)).is_relative_to(root) for root in roots)


def _features(session: Session) -> Iterator[tuple[str, Callable[[Any], Any], Any]]:
    """Every message that is understood, who answers it, and what the editor is told of it beforehand."""
    yield types.INITIALIZED, session.began, None
    yield types.SHUTDOWN, session.shut_down, None
    yield types.TEXT_DOCUMENT_DID_OPEN, session.opened, None
    yield types.TEXT_DOCUMENT_DID_CHANGE, session.changed, None
    yield types.TEXT_DOCUMENT_DID_CLOSE, session.closed, None
    yield types.TEXT_DOCUMENT_DID_SAVE, session.files_changed, None
    yield types.WORKSPACE_DID_CHANGE_WATCHED_FILES, session.files_changed, None
    yield types.TEXT_DOCUMENT_COMPLETION, session.completion, types.CompletionOptions(trigger_characters=TRIGGERS)
    yield types.TEXT_DOCUMENT_HOVER, session.hover, None
    yield types.TEXT_DOCUMENT_DEFINITION, session.definition, None
    yield types.TEXT_DOCUMENT_REFERENCES, session.references, None
    yield types.TEXT_DOCUMENT_PREPARE_RENAME, session.prepare_rename, None
    yield types.TEXT_DOCUMENT_RENAME, session.rename, types.RenameOptions(prepare_provider=True)
    yield types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, session.symbols, None
    quick_fixes = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    yield types.TEXT_DOCUMENT_CODE_ACTION, session.actions, quick_fixes
    yield types.TEXT_DOCUMENT_FORMATTING, session.formatting, None


def _plain(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function for a method: the library writes attributes to what it is given."""
    if inspect.iscoroutinefunction(answer):

        async def answered_later(params: Any) -> Any:
            return await answer(params)

        return answered_later

    def answered(params: Any) -> Any:
        return answer(params)

    return answered


@contextmanager
def _refused() -> Iterator[None]:
    """A refusal as an answer of the protocol, with its reason."""
    try:
        yield
    except RenameRefused as refused:
        raise JsonRpcException(str(refused), types.LSPErrorCodes.RequestFailed) from refused


@lru_cache(maxsize=16)
def _positions(text: str, encoding: Encoding) -> Positions:
    return Positions(text, encoding)


def _name(uri: str) -> str:
    """The name of a document: the path of a file, or the address of what is none."""
    return to_fs_path(uri) or uri


def serve() -> None:
    """Answer an editor on standard input and output until it says goodbye.

    Raises:
        SystemExit: with 1, where it went without asking for a shutdown first, as the protocol wants it.
    """
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # what goes wrong is told to the editor
    server = _Server(NAME, __version__, protocol_cls=_Protocol)
    session = Session(server)
    for method, answer, options in _features(session):
        server.feature(method, options)(_plain(answer))
    gc.set_threshold(ALLOCATIONS)
    with os.fdopen(os.dup(0), "rb") as reader, os.fdopen(os.dup(1), "wb") as writer:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)  # what a plugin prints must not get among the messages
        server.start_io(reader, writer)
    if not session.has_shut_down:
        raise SystemExit(1)
