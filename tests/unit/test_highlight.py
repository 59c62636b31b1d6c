"""The Pygments lexer: it agrees with the parser on every shipped spec, and loses no character of any text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, _TokenType

from cordspec.diagnostics import Source, Span
from cordspec.highlight import CordLexer
from cordspec.syntax import nodes as syntax
from cordspec.syntax import parse

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.cord"))
WRITTEN = '''cord 1
import "presets/math.cord" as math
extends "main.cord"
let long = 2_048tok  # a comment
## What it is.
search beam4 : std.beam { size = 4, budget.thinking = long, share = 1..2.5%, lr = 5e-6, model = math.set, on = true }
search other like beam4 { text = """two "quoted"
lines""", list = [-3.5min, "a\\tb"] }
'''


def tokens(text: str) -> list[tuple[int, _TokenType, str]]:
    return list(CordLexer().get_tokens_unprocessed(text))


def kinds_of(text: str) -> dict[str, _TokenType]:
    """The type of each written token, by its text; the last one counts."""
    return {written: kind for _, kind, written in tokens(text)}


def named(item: syntax.Item) -> Iterator[tuple[Span, _TokenType]]:
    """What the parser knows of an item, as the token types that the lexer must give."""
    match item:
        case syntax.Let():
            yield item.name.span, Name.Constant
            yield from valued(item.value)
        case syntax.Import():
            yield item.alias.span, Name.Namespace
        case syntax.Block():
            yield item.kind.span, Keyword.Declaration
            yield item.name.span, Name.Function
            yield from ((name.span, Name.Class) for name in (item.component.names if item.component else ()))
            yield from ((name.span, Name.Function) for name in (item.like.names if item.like else ()))
            yield from (place for field in item.fields for place in set_in(field))


def set_in(field: syntax.Field) -> Iterator[tuple[Span, _TokenType]]:
    yield from ((name.span, Name.Attribute) for name in field.path.names)
    yield from valued(field.value)


def valued(value: syntax.Value) -> Iterator[tuple[Span, _TokenType]]:
    match value:
        case syntax.Path():
            yield from ((name.span, Name) for name in value.names)
        case syntax.Number():
            yield value.span, Number.Integer if value.whole else Number.Float
        case syntax.Range():
            yield from (*valued(value.low), *valued(value.high))
        case syntax.Bool():
            yield value.span, Keyword.Constant
        case syntax.Text():
            yield value.span, String.Heredoc if value.span.text.startswith('"""') else String.Double
        case syntax.List():
            yield from (place for one in value.items for place in valued(one))
        case syntax.Object():
            yield from (place for field in value.fields for place in set_in(field))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_shipped_spec_has_no_error_token(path: Path) -> None:
    assert [token for token in tokens(path.read_text()) if token[1] is Error] == []


@pytest.mark.parametrize("text", [*(path.read_text() for path in SPECS), WRITTEN])
def test_the_lexer_sees_what_the_parser_sees(text: str) -> None:
    file, diagnostics = parse(Source("t.cord", text))
    assert not diagnostics
    at = {start: kind for start, kind, _ in tokens(text)}
    expected = [place for item in file.items for place in named(item)]
    assert expected
    assert [(span.text, at.get(span.start)) for span, _ in expected] == [(span.text, kind) for span, kind in expected]


def test_words_that_the_tree_does_not_keep_have_their_types_too() -> None:
    kinds = kinds_of(WRITTEN)
    assert {word: kinds[word] for word in ("cord", "import", "as", "extends")} == dict.fromkeys(
        ("cord", "import", "as", "extends"), Keyword.Namespace
    )
    assert kinds["let"] is Keyword.Declaration and kinds["like"] is Keyword
    assert kinds["tok"] is kinds["min"] is kinds["%"] is Keyword.Type
    assert kinds[".."] is kinds["="] is Operator
    assert kinds["# a comment"] is Comment.Single and kinds["## What it is."] is String.Doc
    assert kinds["\\t"] is String.Escape
    assert kinds["{"] is kinds["]"] is kinds[":"] is Punctuation


def test_a_kind_is_a_keyword_only_where_a_block_begins() -> None:
    found = [kind for _, kind, text in tokens("model model : mini { model = model }\n") if text == "model"]
    assert found == [Keyword.Declaration, Name.Function, Name.Attribute, Name]


def test_a_block_that_is_not_closed_ends_where_the_next_begins() -> None:
    found = tokens("decode t { list = [a, { b = \nstudent u : sft {}\n")
    assert [(kind, text) for _, kind, text in found if text in ("student", "u", "sft")] == [
        (Keyword.Declaration, "student"),
        (Name.Function, "u"),
        (Name.Class, "sft"),
    ]


def test_what_is_no_part_of_the_language_is_an_error_token() -> None:
    wrong = [text for _, kind, text in tokens('let a = @\nlet b = "\\q\\x"\nmodel m { a : 1 }\n') if kind is Error]
    assert wrong == ["@", "\\", ":"]


WORDS = [*"{}[]=:,. \n", "..", "model", "like", "let", "as", "a", '"', '"""', "4tok", "##"]


@given(
    st.text(st.sampled_from(' \n\r\t{}[]=:,."\\#%_-+ae14@\ufeff') | st.characters(), max_size=300)
    | st.lists(st.sampled_from(WORDS), max_size=80).map("".join)
)
def test_the_tokens_of_any_text_are_that_text(text: str) -> None:
    found = tokens(text)
    assert "".join(part for _, _, part in found) == text
    assert all(part for _, _, part in found)


def test_pygments_finds_the_lexer_by_the_name_of_a_file() -> None:
    assert get_lexer_for_filename("hello.cord").name == get_lexer_by_name("cordspec").name == CordLexer.name
