"""Lark's parse tree to our nodes, with the mistakes that only the text of a token shows."""

from __future__ import annotations

import ast
import math
from typing import Final

from lark import Token, Tree

from cordspec.diagnostics import Diagnostic, Fix, Source, Span
from cordspec.syntax.nodes import (
    Block,
    Bool,
    Extends,
    Field,
    File,
    Hole,
    Import,
    Item,
    Let,
    List,
    Name,
    Number,
    Object,
    Path,
    Range,
    Text,
    Value,
)

LONGEST_NAME: Final = 200
LONGEST_INTEGER: Final = 40


class TreeBuilder:
    """Builds the nodes of one source; what it finds wrong is in ``diagnostics``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.diagnostics: list[Diagnostic] = []

    def file(self, tree: Tree[Token] | None) -> File:
        whole = Span(self._source, 0, len(self._source.text))
        if tree is None:
            return File(None, (), whole)
        edition, *items = tree.children
        number = self.value(edition)
        built = [self._item(item) for item in items]
        return File(number if isinstance(number, Number) else None, [item for item in built if item], whole)

    def _item(self, node: Token | Tree[Token]) -> Item | None:
        if not isinstance(node, Tree):
            return None
        match node.data:
            case "import_":
                path, alias = node.children
                return Import(self._text(path), self._name(alias), self._span(node))
            case "extends_":
                return Extends(self._text(node.children[0]), self._span(node))
            case "let_":
                name, value = node.children
                return Let(self._name(name), self.value(value), self._span(node))
            case "block":
                return self._block(node)
            case _:
                self.value(node)
                return None

    def _block(self, node: Tree[Token]) -> Block:
        kind, name, origin, fields = node.children
        component = like = None
        if isinstance(origin, Tree):
            path = self._path(origin.children[0])
            component, like = (path, None) if origin.data == "component" else (None, path)
        span = self._span(node)
        head = Span(self._source, span.start, self._span(name).end)
        return Block(self._name(kind), self._name(name), component, like, self._fields(fields), self._doc(head), span)

    def _doc(self, head: Span) -> str:
        """The ``##`` lines directly above a block."""
        lines: list[str] = []
        for number in range(head.line - 1, 0, -1):
            line = self._source.line(number).strip()
            if not line.startswith("##"):
                break
            lines.insert(0, line[2:].strip())
        return " ".join(lines)

    def _fields(self, node: Token | Tree[Token] | None) -> tuple[Field, ...]:
        if not isinstance(node, Tree):
            return ()
        fields: list[Field] = []
        for child in node.children:
            assert isinstance(child, Tree)
            if len(child.children) == 2:
                path, value = child.children
                fields.append(Field(self._path(path), self.value(value), self._span(child)))
            else:
                self.value(child.children[0])
        return tuple(fields)

    def value(self, node: Token | Tree[Token]) -> Value:
        """A value node; a broken one becomes a `Hole`."""
        if isinstance(node, Token):
            return self._token(node)
        span = self._span(node)
        match node.data:
            case "path":
                return self._path(node)
            case "list":
                return List(tuple(self.value(child) for child in node.children if child is not None), span)
            case "object":
                return Object(self._fields(node.children[0]), span)
            case "range":
                low, high = (self.value(child) for child in node.children)
                if isinstance(low, Number) and isinstance(high, Number):
                    return Range(low, high, span)
            case "bad":
                return self.value(node.children[0])
        return Hole(span)

    def _token(self, token: Token) -> Value:
        span = self._span(token)
        match token.type:
            case "STRING" | "TEXT":
                return self._text(token)
            case "BOOL":
                return Bool(str(token) == "true", span)
            case "NUMBER" | "QUANTITY":
                return self._number(token)
            case "UNKNOWN":
                fix = Fix(f"remove `{token}`", span, "")
                self.diagnostics.append(
                    Diagnostic(
                        "E002", f"unexpected character `{token}`", span, "not part of the language", fixes=(fix,)
                    )
                )
        return Hole(span)

    def _number(self, token: Token) -> Number | Hole:
        digits = str(token).rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%")
        unit = str(token)[len(digits) :]
        if token.type == "NUMBER":
            digits, unit = str(token), ""
        whole = not set(digits) & set(".eE")
        if not digits:  # put in by the recovery, which has told what is missing
            return Hole(self._span(token))
        value = int(digits) if whole and len(digits) <= LONGEST_INTEGER else float(digits)
        if not math.isfinite(value) or (whole and len(digits) > LONGEST_INTEGER):
            self.diagnostics.append(
                Diagnostic("E201", "the number is too large", self._span(token), "not a finite number")
            )
            return Hole(self._span(token))
        return Number(value, unit, whole, self._span(token))

    def _text(self, node: Token | Tree[Token]) -> Text:
        span = self._span(node)
        raw = str(node)
        if raw.startswith('"""'):
            return Text(raw[3:-3], span)
        try:
            value = ast.literal_eval(raw) if raw else ""
            value.encode("utf-8")
        except (SyntaxError, ValueError):
            message = "the text has a wrong escape"
            self.diagnostics.append(Diagnostic("E007", message, span, "write `\\\\` for a backslash"))
            value = ""
        return Text(value, span)

    def _path(self, node: Token | Tree[Token]) -> Path:
        children = node.children if isinstance(node, Tree) else [node]
        names = tuple(self._name(child) for child in children)
        return Path(names, Span(self._source, names[0].span.start, names[-1].span.end))

    def _name(self, node: Token | Tree[Token]) -> Name:
        name = Name(str(node), self._span(node))
        if len(name.text) > LONGEST_NAME:
            message = f"a name has at most {LONGEST_NAME} characters, this one {len(name.text):,}"
            self.diagnostics.append(Diagnostic("E403", message, name.span, "too long"))
            return Name(name.text[:LONGEST_NAME], name.span)
        return name

    def _span(self, node: Token | Tree[Token]) -> Span:
        if isinstance(node, Token):
            start = node.start_pos or 0
            return Span(self._source, start, start + len(node))
        start, end = getattr(node.meta, "start_pos", 0), getattr(node.meta, "end_pos", 0)
        return Span(self._source, start or 0, end or 0)
