"""Lark's parse tree to our nodes, with the mistakes that only the text of a token shows."""

from __future__ import annotations

import math
import re
from collections.abc import Set
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
ESCAPE: Final = re.compile(r"\\([\\nrt\"]|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})?")
"""A backslash, and what may follow it."""
SURROGATE: Final = re.compile("[\ud800-\udfff]")
LONGEST_INTEGER: Final = 40


class TreeBuilder:
    """Builds the nodes of one source; what it finds wrong is in ``diagnostics``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._above = 0  # the line in which the item before this one ends
        self.diagnostics: list[Diagnostic] = []

    def file(self, tree: Tree[Token] | None, lost: Set[str] = frozenset()) -> File:
        """The file of a tree; ``lost`` are the names that mending it left out."""
        whole = Span(self._source, 0, len(self._source.text))
        if tree is None:
            return File(None, (), whole, frozenset(lost))
        _, edition, *items = tree.children
        number = self.value(edition)
        built = []
        for node in items:
            item = self._item(node)
            if item is not None:
                self._above = self._source.position(item.span.end)[0]
                built.append(item)
        torn = [item for item in built if isinstance(item, Block) and not (item.kind.text and item.name.text)]
        return File(
            number if isinstance(number, Number) else None,
            [item for item in built if item not in torn],
            whole,
            frozenset(lost) | {block.name.text for block in torn} - {""},
            frozenset(block.kind.text for block in torn) - {""},
        )

    def _item(self, node: Token | Tree[Token]) -> Item | None:
        if not isinstance(node, Tree):
            return None
        match node.data:
            case "import_":
                _, path, _, alias = node.children
                return Import(self._text(path), self._name(alias), self._span(node))
            case "extends_":
                return Extends(self._text(node.children[1]), self._span(node))
            case "let_":
                _, name, _, value = node.children
                return Let(self._name(name), self.value(value), self._span(node))
            case "block":
                return self._block(node)
            case _:
                self.value(node)
                return None

    def _block(self, node: Tree[Token]) -> Block:
        kind, name, origin, _, fields, _ = node.children
        component = like = None
        if isinstance(origin, Tree):
            path = self._path(origin.children[1])
            component, like = (path, None) if origin.data == "component" else (None, path)
        span = self._span(node)
        head = Span(self._source, span.start, self._span(name).end)
        return Block(self._name(kind), self._name(name), component, like, self._fields(fields), self._doc(head), span)

    def _doc(self, head: Span) -> str:
        """The ``##`` lines directly above a block, and below whatever stands before it."""
        lines: list[str] = []
        for number in range(head.line - 1, self._above, -1):
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
            if not isinstance(child, Tree):
                continue  # a comma
            if len(child.children) == 3:
                path, _, value = child.children
                field = Field(self._path(path), self.value(value), self._span(child))
                if field.path.text:  # an empty one was put in by the recovery
                    fields.append(field)
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
                return List(tuple(self.value(child) for child in node.children[1:-1] if _is_value(child)), span)
            case "object":
                return Object(self._fields(node.children[1]), span)
            case "range":
                low, high = self.value(node.children[0]), self.value(node.children[2])
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
            return Text(raw[3:-3].replace("\r\n", "\n"), span)
        fixed = ESCAPE.sub(lambda found: found.group() if found.group(1) else "\\\\", raw)
        value = ESCAPE.sub(_unescaped, fixed[1:-1])
        if fixed != raw or SURROGATE.search(value):
            fixes = (Fix(f"write `{fixed}`", span, fixed),) if fixed != raw else ()
            message = "the text has a wrong escape"
            self.diagnostics.append(Diagnostic("E007", message, span, "write `\\\\` for a backslash", fixes=fixes))
            value = ""
        return Text(value, span)

    def _path(self, node: Token | Tree[Token]) -> Path:
        children = node.children[::2] if isinstance(node, Tree) else [node]
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
        first, last = _leaf(node, 0), _leaf(node, -1)
        return Span(self._source, first.start_pos or 0, (last.start_pos or 0) + len(last))


def _unescaped(found: re.Match[str]) -> str:
    """The character that an escape stands for."""
    escape = found.group(1)
    simple = {"n": "\n", "r": "\r", "t": "\t"}
    return simple.get(escape, escape) if len(escape) == 1 else chr(int(escape[1:], 16))


def _is_value(child: Token | Tree[Token] | None) -> bool:
    return isinstance(child, Tree) or (child is not None and child.type != "COMMA")


def _leaf(node: Token | Tree[Token], end: int) -> Token:
    """The first (0) or last (-1) token of a node; every node but an empty list of fields has one."""
    while isinstance(node, Tree):
        node = node.children[end]
    return node
