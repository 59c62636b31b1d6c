"""The one layout of specs: its rules by example, what it must never change, and bugs put in to see them caught."""

from __future__ import annotations

import argparse
import io
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from cordspec.cli import fmt
from cordspec.diagnostics import Source
from cordspec.errors import SpecError, UsageError
from cordspec.syntax.layout import FormatterBug, columns, format_text, lexemes, outline, write
from cordspec.syntax.layout.columns import Placed
from cordspec.syntax.layout.lexemes import Comment
from cordspec.syntax.layout.nodes import Entry, Group
from cordspec.syntax.tables import lark
from tests.unit.generated_specs import GeneratedSpec, specs, wide_specs

ROOT = Path(__file__).parents[2]


def formatted(text: str) -> str:
    return format_text(Source("t.cord", text))


# each rule: what is given and what comes out, without the line `cord 1`
RULES = {
    "one line stays one line": ("search a:b{x=1,y=2}", "search a : b { x = 1, y = 2 }\n"),
    "a line break after the brace expands": (
        "search a : b {\nx = 1, y = 2 }",
        "search a : b {\n  x = 1\n  y = 2\n}\n",
    ),
    "a line break elsewhere does not": ("search a : b { x = 1\n y\n=\n2\n}", "search a : b { x = 1, y = 2 }\n"),
    "nothing in braces is `{}`": ("search a : b {\n\n}\nlet x = [\n]", "search a : b {}\nlet x = []\n"),
    "an optional comma goes and comes": (
        "search a : b { x = 1 y = [1, 2,], }\nsearch c : d {\nx = 1, y = 2, }",
        "search a : b { x = 1, y = [1, 2] }\nsearch c : d {\n  x = 1\n  y = 2\n}\n",
    ),
    "an expanded list has a line and a comma for each": (
        "let x = [\n1, { a = 1 },\n[\n2]]",
        "let x = [\n  1,\n  { a = 1 },\n  [\n    2,\n  ],\n]\n",
    ),
    "what holds something expanded is expanded": (
        "search a : b { x = { y = {\nz = 1 } } }",
        "search a : b {\n  x = {\n    y = {\n      z = 1\n    }\n  }\n}\n",
    ),
    "a text of several lines expands what holds it": (
        'let t = """a\n b"""\nsearch a : b { long = 1, t = """a\n  # b\n""", x = 2 }',
        'let t = """a\n b"""\nsearch a : b {\n  long = 1\n  t = """a\n  # b\n"""\n  x = 2\n}\n',
    ),
    "signs of equality stand in a column": (
        "decode a {\nx = 1\nbudget.thinking = 2\nyy=3 }",
        "decode a {\n  x               = 1\n  budget.thinking = 2\n  yy              = 3\n}\n",
    ),
    "a blank line ends the column": (
        "decode a {\nx = 1\n\nlong = 2\n}",
        "decode a {\n  x = 1\n\n  long = 2\n}\n",
    ),
    "a comment line ends the column": (
        "decode a {\nx = 1\n# c\nlong = 2\n}",
        "decode a {\n  x = 1\n  # c\n  long = 2\n}\n",
    ),
    "an expanded value ends the column": (
        "decode a {\nx = 1\nlong = {\ny = 1 }\nzz = 2\nq = 3\n}",
        "decode a {\n  x = 1\n  long = {\n    y = 1\n  }\n  zz = 2\n  q  = 3\n}\n",
    ),
    "a comment behind a value does not end the column": (
        "decode a {\nx = 1 # c\nlong = 2\n}",
        "decode a {\n  x    = 1  # c\n  long = 2\n}\n",
    ),
    "kinds, names and origins of neighbours stand in columns": (
        "model a : mini { x = 1 }\nsegmenter bb : step_header {}\nscorer c : pp { y = 2 } # c\n",
        "model     a  : mini        { x = 1 }\nsegmenter bb : step_header {}\n"
        "scorer    c  : pp          { y = 2 }  # c\n",
    ),
    "`like` and components share two columns of three": (
        "eval a : math_answers { x = 1 }\neval bbb like a { x = 2 }\neval c like bbb { x = 3 }",
        "eval a   : math_answers { x = 1 }\neval bbb like a   { x = 2 }\neval c   like bbb { x = 3 }\n",
    ),
    "a blank line, a comment, lines in braces or no origin end a group of blocks": (
        "model a : m {}\n\nmodel bb : m {}\n# c\nmodel ccc : m {}\nmodel d : m {\nx = 1 }\nmodel eeeee : m {}\n"
        "model f {}\nmodel gg : mm {}\nlet x = 1\nmodel h : m {}",
        "model a : m {}\n\nmodel bb : m {}\n# c\nmodel ccc : m {}\nmodel d : m {\n  x = 1\n}\nmodel eeeee : m {}\n"
        "model f {}\nmodel gg : mm {}\nlet x = 1\nmodel h : m {}\n",
    ),
    "blocks without an origin have columns of their own": (
        "eval a { x = 1 }\neval bbb { x = 2 }\neval c : math_answers { x = 3 }",
        "eval a   { x = 1 }\neval bbb { x = 2 }\neval c : math_answers { x = 3 }\n",
    ),
    "items": (
        'import"x.cord"as y extends   "z.cord"\nlet  a=1 let b = c . d',
        'import "x.cord" as y\nextends "z.cord"\nlet a = 1\nlet b = c.d\n',
    ),
    "one blank line is kept, none inside braces or at the end": (
        "\n\n\nlet a = 1\n\n\n\nsearch b : c {\n\n\nx = 1\n\n\ny = 2\n\n}\n\n\n",
        "\nlet a = 1\n\nsearch b : c {\n  x = 1\n\n  y = 2\n}\n",
    ),
    "values stay as they are written": (
        'let a = 1 .. 2_000tok let b = +1.50e-3 let c = "a\\"#" let d = 30 .. 40.5% let e = true',
        'let a = 1..2_000tok\nlet b = +1.50e-3\nlet c = "a\\"#"\nlet d = 30..40.5%\nlet e = true\n',
    ),
    "line ends of Windows": ("let a = 1\r\n\r\n# c \r\nlet b = 2\r\n", "let a = 1\n\n# c\nlet b = 2\n"),
}

COMMENTS = {
    "above": ("\n# a\n\n\n## b\nlet x = 1\n", "\n# a\n\n## b\nlet x = 1\n"),
    "behind": ("let x = 1# a\nlet y = 2      # b  ", "let x = 1  # a\nlet y = 2  # b\n"),
    "at the end of the file": ("let x = 1\n\n\n# a\n# b", "let x = 1\n\n# a\n# b\n"),
    "behind an opening brace": (
        "search a : b { # c\n x = 1 }",
        "search a : b {  # c\n  x = 1\n}\n",
    ),
    "in empty braces": (
        "search a : b { # c\n }\nsearch d : e {\n# f\n}",
        "search a : b {  # c\n}\nsearch d : e {\n  # f\n}\n",
    ),
    "before a closing brace": (
        "search a : b { x = 1\n\n # c\n # d\n\n }",
        "search a : b {\n  x = 1\n\n  # c\n  # d\n}\n",
    ),
    "behind the last field": ("search a : b { x = 1 # c\n }", "search a : b {\n  x = 1  # c\n}\n"),
    "before and behind commas": (
        "search a : b { x = 1 # c\n, # d\n y = 2, # e\n # f\n }",
        "search a : b {\n  x = 1  # c\n  # d\n  y = 2  # e\n  # f\n}\n",
    ),
    "in a list": (
        "let x = [ # a\n 1 # b\n , 2, # c\n # d\n 3 # e\n # f\n]",
        "let x = [  # a\n  1,  # b\n  2,  # c\n  # d\n  3,  # e\n  # f\n]\n",
    ),
    "behind a closing brace": (
        "search a : b { x = { y = 1 } # c\n } # d",
        "search a : b {\n  x = { y = 1 }  # c\n}  # d\n",
    ),
    "behind an expanded entry of a list": ("let x = [ {\ny = 1 } # c\n]", "let x = [\n  {\n    y = 1\n  },  # c\n]\n"),
    "inside a field": (
        "search a : b { x # c\n . # d\n y = # e\n 1 # f\n .. # g\n 2 }",
        "search a : b {\n  # c\n  # d\n  # e\n  # f\n  # g\n  x.y = 1..2\n}\n",
    ),
    "between a field and its braces": (
        "search a : b { x = # c\n { y = 1 } }",
        "search a : b {\n  # c\n  x = { y = 1 }\n}\n",
    ),
    "inside other items": (
        'let # a\n x # b\n = # c\n 1\n\nimport # d\n "x" # e\n as # f\n y # g\nextends # h\n "z"',
        '# a\n# b\n# c\nlet x = 1\n\n# d\n# e\n# f\nimport "x" as y  # g\n# h\nextends "z"\n',
    ),
    "in the head of a block, where it must not become a description": (
        "## right\nsearch ## b\n a : # c\n d # e\n { # f\n x = 1 }",
        "## right\nsearch a : d {  ## b\n  # c\n  # e\n  # f\n  x = 1\n}\n",
    ),
    "with white space after them": ("let x = 1 # a \t\u00a0 \nlet y = 2", "let x = 1  # a \t\u00a0\nlet y = 2\n"),
    "with odd texts": ('let x = 1 #"{\n#\n##\n#!=[,\nlet y = 2', 'let x = 1  #"{\n#\n##\n#!=[,\nlet y = 2\n'),
    "that could be taken for a description of the second item of a line": (
        "## of x\nlet x = 1 search a : b {}",
        "## of x\nlet x = 1\nsearch a : b {}\n",
    ),
}


@pytest.mark.parametrize(("given", "expected"), [*RULES.values(), *COMMENTS.values()], ids=[*RULES, *COMMENTS])
def test_every_rule_has_its_example(given: str, expected: str) -> None:
    assert formatted(f"cord 1\n{given}") == f"cord 1\n{expected}"


def test_comments_around_the_edition_and_a_byte_order_mark() -> None:
    assert formatted("\ufeff\n\n# a\n\n\ncord # b\n 1 # c\n# d\n") == "# a\n\n# b\ncord 1  # c\n# d\n"


def test_a_line_may_have_120_columns_beside_its_comment() -> None:
    fits = f'search a : b {{ x = "{"y" * 97}" }}'
    assert len(fits) == 120
    assert formatted(f"cord 1\n{fits} # not counted") == f"cord 1\n{fits}  # not counted\n"
    assert formatted(f"cord 1\n{fits.replace('yy', 'yyy', 1)}") == f'cord 1\nsearch a : b {{\n  x = "{"y" * 98}"\n}}\n'


def test_what_fits_only_without_the_padding_is_broken_and_leaves_its_columns() -> None:
    long = f'search a : b {{ x = "{"y" * 95}" }}'
    assert formatted(f"cord 1\n{long}\nsearch long_name : b {{}}\nsearch c : dd {{}}") == (
        f'cord 1\nsearch a : b {{\n  x = "{"y" * 95}"\n}}\nsearch long_name : b  {{}}\nsearch c         : dd {{}}\n'
    )


def test_a_list_of_lists_is_broken_from_the_outside() -> None:
    row = f"[{', '.join(['1_000'] * 10)}]"
    assert formatted(f"cord 1\nlet x = [{row}, {row}]") == f"cord 1\nlet x = [\n  {row},\n  {row},\n]\n"


def test_a_text_with_mistakes_is_refused_with_them() -> None:
    with pytest.raises(SpecError) as refused:
        formatted("cord 1\nsearch a : b { x = }\n")
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["E003"]


def test_a_text_that_would_become_too_large_is_refused() -> None:
    deep = "cord 1\nlet x = " + "[\n" * 60 + ",".join(["1"] * 5_000) + "]" * 60
    with pytest.raises(SpecError) as refused:
        formatted(deep)
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["E401"]


@pytest.mark.parametrize("path", sorted((ROOT / "specs").rglob("*.cord")), ids=lambda path: path.stem)
def test_every_shipped_spec_keeps_its_words_and_its_layout_is_final(path: Path) -> None:
    result = formatted(path.read_text())
    assert words(result) == words(path.read_text())
    assert formatted(result) == result


# what must hold for any text; these do not use the formatter's own checks

TEXTS = re.compile(r'""".*?"""', re.DOTALL)


def words(text: str) -> list[tuple[str, str]]:
    """The tokens that carry meaning, texts apart from their line ends."""
    tokens = lark().lex(text)
    return [(token.type, token.replace("\r\n", "\n")) for token in tokens if token.type != "COMMA"]


def comments(text: str) -> list[str]:
    return [str(token) for token in lark().lex(text, dont_ignore=True) if token.type == "COMMENT"]


def only_the_layout_changes(spec: GeneratedSpec) -> None:
    result = formatted(spec.text)
    assert words(result) == words(spec.text)
    assert comments(result) == spec.comments
    assert formatted(result) == result
    layout = TEXTS.sub('""', result)
    assert layout.endswith("\n") and not layout.endswith("\n\n") and not layout.startswith("\n")
    assert "\n\n\n" not in layout and "\t" not in layout and "\r" not in result
    for line, following in zip(layout.split("\n"), layout.split("\n")[1:], strict=False):
        assert line == line.rstrip()
        assert line or following.strip() not in ("}", "]", "},", "],")
    again = re.sub(r"\n(?=\n\n)", "\n" * 3, TEXTS.sub("1", result))
    assert formatted(again) == formatted(TEXTS.sub("1", result))


@settings(max_examples=200)
@given(specs())
def test_only_the_layout_of_any_spec_changes(spec: GeneratedSpec) -> None:
    only_the_layout_changes(spec)


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@settings(max_examples=10_000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(specs())
def test_only_the_layout_of_ten_thousand_specs_changes(spec: GeneratedSpec) -> None:
    only_the_layout_changes(spec)


@settings(max_examples=200)
@given(wide_specs())
def test_columns_are_final_and_no_line_is_longer_than_it_must_be(text: str) -> None:
    result = formatted(text)
    assert formatted(result) == result
    for line in result.split("\n"):
        assert len(line) <= 120 or line.endswith(("{", "{}")), "only a head cannot be broken"


# bugs put in on purpose: each check has to catch its own

Patch = Callable[[pytest.MonkeyPatch], None]


def lose_comments_behind_things(patch: pytest.MonkeyPatch) -> None:
    taken = outline._remark
    patch.setattr(outline, "_remark", lambda comments: taken(comments) and "")


def lose_comments_in_reading(patch: pytest.MonkeyPatch) -> None:
    between = lexemes._between
    patch.setattr(lexemes, "_between", lambda gap: ((), between(gap)[1]))


def turn_comments_around(patch: pytest.MonkeyPatch) -> None:
    place = outline._Reader._place
    patch.setattr(outline._Reader, "_place", lambda reader: place(reader)[::-1])


def keep_the_padding_of_what_is_broken(patch: pytest.MonkeyPatch) -> None:
    def place(entries: list[Entry], room: int) -> list[Placed]:
        narrow = [Placed(entry, columns._head(entry, ()), expanded=False) for entry in entries]
        return columns._with_breaks(columns._aligned(columns._with_breaks(narrow, room)), room)

    patch.setattr(write, "place", place)


def lose_commas(patch: pytest.MonkeyPatch) -> None:
    flat = Group._flat
    patch.setattr(Group, "_flat", lambda group: (flat(group) or "").replace(",", "") or None)


def lift_nested_settings(patch: pytest.MonkeyPatch) -> None:
    flat = Group._flat
    patch.setattr(Group, "_flat", lambda group: re.sub(r"(\w+) = \{ (.*) \}", r"\1.\2", flat(group) or "") or None)


def write_numbers_anew(patch: pytest.MonkeyPatch) -> None:
    take = outline._Reader._take
    patch.setattr(outline._Reader, "_take", lambda reader, inner: take(reader, inner).replace("1_0", "10"))


def part_descriptions_from_blocks(patch: pytest.MonkeyPatch) -> None:
    def comment(comment: Comment, indent: str, first: bool) -> Iterator[str]:
        yield from (indent + comment.text, "")

    patch.setattr(write, "_comment", comment)


SEEDED = [
    (lose_comments_behind_things, "let x = 1 # c", "a comment would be lost, changed or moved past another"),
    (lose_comments_in_reading, "let x = 1 # c", "characters would be lost or put in"),
    (turn_comments_around, "# a\n# b\nlet  x = 1", "a comment would be lost, changed or moved past another"),
    (
        keep_the_padding_of_what_is_broken,
        f'search a : b {{ x = "{"y" * 95}" }}\nsearch long_name : b {{}}',
        "formatting the result again would change it again",
    ),
    (lose_commas, "let  x = [1, 2]", "it would be a wrong spec: "),
    (lift_nested_settings, "search a : b {x = { y = 1 }}", "the settings would not be the same"),
    (write_numbers_anew, "let  x = 1_000", "the settings would not be the same"),
    (part_descriptions_from_blocks, "## c\nsearch a : b {}", "the `##` lines would describe other blocks"),
]


@pytest.mark.parametrize(("bug", "text", "reason"), SEEDED, ids=[bug.__name__ for bug, _, _ in SEEDED])
def test_a_bug_in_the_formatter_is_caught(bug: Patch, text: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert formatted(f"cord 1\n{text}\n")
    bug(monkeypatch)
    with pytest.raises(FormatterBug) as caught:
        formatted(f"cord 1\n{text}\n")
    [found] = caught.value.diagnostics
    assert found.code == "E902" and found.label.startswith(reason)
    assert caught.value.exit_code == 70


# the command

UGLY = "cord 1\nsearch a:b{x=1}\n"
PRETTY = "cord 1\nsearch a : b { x = 1 }\n"


def cordspec_fmt(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    fmt.arguments(parser)
    return fmt.command(parser.parse_args([str(argument) for argument in arguments]))


def test_fmt_rewrites_only_the_files_that_differ_and_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    ugly, pretty, hidden = tmp_path / "inner" / "u.cord", tmp_path / "p.cord", tmp_path / ".hidden" / "h.cord"
    ugly.write_text(UGLY)
    pretty.write_text(PRETTY)
    hidden.write_text(UGLY)
    before = pretty.stat()
    assert cordspec_fmt(tmp_path, ugly) == 0
    assert ugly.read_text() == PRETTY and hidden.read_text() == UGLY
    assert (pretty.stat().st_ino, pretty.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert capsys.readouterr() == ("", f"formatted {ugly}\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".hidden", "h.cord", "inner", "p.cord", "u.cord"]


def test_line_ends_and_a_byte_order_mark_alone_are_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "t.cord"
    path.write_bytes(b"\xef\xbb\xbf" + PRETTY.replace("\n", "\r\n").encode())
    assert cordspec_fmt("--check", path) == 9
    assert cordspec_fmt(path) == 0
    assert path.read_bytes() == PRETTY.encode()


def test_check_names_what_would_change_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.cord"
    path.write_text(UGLY)
    assert cordspec_fmt("--check", path) == 9
    assert capsys.readouterr() == ("", f"would format {path}\n")
    assert path.read_text() == UGLY
    path.write_text(PRETTY)
    assert cordspec_fmt("--check", path) == 0
    assert capsys.readouterr() == ("", "")


def test_diff_shows_what_would_change_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.cord"
    path.write_text(UGLY.rstrip())
    assert cordspec_fmt("--diff", path) == 9
    assert capsys.readouterr().out == (
        f"--- {path}\n+++ {path}\n@@ -1,2 +1,2 @@\n cord 1\n-search a:b{{x=1}}\n"
        "\\ No newline at end of file\n+search a : b { x = 1 }\n"
    )
    assert path.read_text() == UGLY.rstrip()


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, flags, code, out in [(UGLY, (), 0, PRETTY), (PRETTY, (), 0, PRETTY), (UGLY, ("--check",), 9, "")]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert cordspec_fmt("-", *flags) == code
        assert capsys.readouterr().out == out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"cord 1\nsearch {")))
    assert cordspec_fmt("-") == 1
    assert capsys.readouterr().out == ""


def test_a_file_with_mistakes_is_left_alone_and_the_others_are_formatted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, ugly, latin = tmp_path / "a.cord", tmp_path / "b.cord", tmp_path / "c.cord"
    wrong.write_text("cord 1\nsearch a : b { x = }\n")
    ugly.write_text(UGLY)
    assert cordspec_fmt(tmp_path) == 1
    assert wrong.read_text() == "cord 1\nsearch a : b { x = }\n" and ugly.read_text() == PRETTY
    assert f"{wrong}:2:" in capsys.readouterr().err
    latin.write_bytes(b"cord 1 # \xfc\n")
    assert cordspec_fmt(tmp_path, tmp_path / "missing.cord", tmp_path / ("long" * 100)) == 2
    said = capsys.readouterr().err
    assert "c.cord: not UTF-8 text" in said and "missing.cord: no such file" in said and "name too long" in said


def test_a_bug_in_the_formatter_leaves_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = tmp_path / "a.cord", tmp_path / "b.cord"
    path.write_text("cord 1\nlet x=1 # c\n")
    other.write_text(UGLY)
    lose_comments_behind_things(monkeypatch)
    assert cordspec_fmt(path, other) == 70
    assert path.read_text() == "cord 1\nlet x=1 # c\n" and other.read_text() == PRETTY
    assert "error[E902]" in capsys.readouterr().err


def test_a_file_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    real, link = tmp_path / "real.cord", tmp_path / "link.cord"
    real.write_text(UGLY)
    real.chmod(0o640)
    link.symlink_to("real.cord")
    assert cordspec_fmt(link) == 0
    assert link.is_symlink() and real.read_text() == PRETTY
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace", "shutil.copymode"])
def test_a_write_that_fails_leaves_the_file_as_it_is(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.cord"
    path.write_text(UGLY)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step, fail)
    assert cordspec_fmt(path) == 2
    assert path.read_text() == UGLY and [one.name for one in tmp_path.iterdir()] == ["t.cord"]
    assert "cannot write" in capsys.readouterr().err


def test_a_read_only_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.cord"
    path.write_text(UGLY)
    monkeypatch.setattr("os.access", lambda *_: False)  # for root, every file is writable
    assert cordspec_fmt(path) == 2
    assert path.read_text() == UGLY


def test_a_directory_without_specs_is_a_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        cordspec_fmt(tmp_path)


def test_fmt_is_a_command(cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    (tmp_path / "t.cord").write_text(UGLY)
    done = cordspec("fmt", "--check", "t.cord")
    assert (done.returncode, done.stdout, done.stderr) == (9, "", "would format t.cord\n")
    assert cordspec("fmt", "t.cord").returncode == 0
    assert (tmp_path / "t.cord").read_text() == PRETTY
