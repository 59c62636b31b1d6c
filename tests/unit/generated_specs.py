"""Spec texts that parse, in every layout that the grammar allows: the input of the formatter's properties."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b2", "_x", "steps", "model", "true_one", "a_rather_long_name", "like_it"])
KINDS = st.sampled_from(["model", "search", "experiment", "decode"])
NUMBERS = st.sampled_from(["1", "-2", "+3", "1_000", "2.50", "1e-6", "4tok", "30%", "80GiB", "1_0.5s", "5E3"])
STRINGS = st.sampled_from(
    ['"x"', '""', '"# no comment"', '"a \\" b"', '"{ [ ,"', '"ü"', f'"{"long " * 12}"', f'"{"longer " * 16}"']
)
TEXTS = st.sampled_from(
    ['"""one line"""', '"""two\nlines"""', '"""# no comment\n## nor this\n}"""', '"""ends in white space  \n\n"""']
)
BOOLS = st.sampled_from(["true", "false"])

# `@` becomes a number, so that no two comments are alike
GAPS = st.sampled_from(
    [
        *[" "] * 12,
        *[""] * 6,
        *["\n"] * 4,
        "   ",
        "\t",
        "\n\n",
        "\n\n\n\n",
        " \r\n \r\n",
        "\ufeff",
        " # @\n",
        " ## @  \n",
        "\n# @\n",
        "\n## @\n",
        "\n\n## @\n## @\n",
        "\n# @\n\n  ## @\n\n",
        " # @\n# @\t\r\n",
        '\n#@"{[\n',
        " #@\n\n\n",
    ]
)


@dataclass(frozen=True, slots=True)
class GeneratedSpec:
    """A text, and the comments that were put into it, in order."""

    text: str
    comments: list[str]


@st.composite
def specs(draw: st.DrawFn) -> GeneratedSpec:
    words = ["cord", "1"]
    for _ in range(draw(st.integers(0, 8))):
        words += draw(items())
    text = draw(st.sampled_from(["", "\ufeff", "# @\n", "\n\n## @\n\n"]))
    for before, word in zip(["", *words], words, strict=False):
        gap = draw(GAPS) if before else ""
        text += gap if gap or not _would_merge(before, word) else " "
        text += word
    text += draw(GAPS)
    pieces = text.split("@")
    text = pieces[0] + "".join(f"{number}{piece}" for number, piece in enumerate(pieces[1:]))
    if draw(st.booleans()):
        text = re.sub("\r?\n", "\r\n", text)
    return GeneratedSpec(text, re.findall(r'##? ?\d+(?:"\{\[)?', text))


@st.composite
def wide_specs(draw: st.DrawFn) -> str:
    """Neighbours in columns, as wide as a line is long: padding decides which of them are broken."""
    width = st.integers(1, 45)
    lines = ["cord 1"]
    for _ in range(draw(st.integers(1, 4))):
        origin = draw(st.sampled_from([":", ":", "like"]))
        lines.append(f"search {'n' * draw(width)} {origin} {'c' * draw(width)} {{ {draw(_wide_fields('a'))} }}")
    lines.append("search s { inner = {")
    for _ in range(draw(st.integers(1, 4))):
        lines.append(f"{'f' * draw(width)} = {{ {draw(_wide_fields('b'))} }}")
    return "\n".join([*lines, "} }"])


@st.composite
def _wide_fields(draw: st.DrawFn, name: str) -> str:
    return f'{name} = "{"x" * draw(st.integers(1, 100))}", list = [{", ".join(["1"] * draw(st.integers(0, 5)))}]'


def _would_merge(before: str, word: str) -> bool:
    return bool(re.search(r"[\w%]$", before) and re.match(r"[\w]", word))


def items() -> st.SearchStrategy[list[str]]:
    return st.one_of(blocks(), blocks(), blocks(), lets(), imports(), extends())


@st.composite
def imports(draw: st.DrawFn) -> list[str]:
    return ["import", draw(STRINGS), "as", draw(NAMES)]


@st.composite
def extends(draw: st.DrawFn) -> list[str]:
    return ["extends", draw(STRINGS)]


@st.composite
def lets(draw: st.DrawFn) -> list[str]:
    return ["let", draw(NAMES), "=", *draw(values(2))]


@st.composite
def blocks(draw: st.DrawFn) -> list[str]:
    origin = draw(st.sampled_from([[], [":"], [":"], ["like"]]))
    path = draw(paths()) if origin else []
    return [draw(KINDS), draw(NAMES), *origin, *path, "{", *draw(fields(2)), "}"]


@st.composite
def fields(draw: st.DrawFn, depth: int) -> list[str]:
    words: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        words += [*draw(paths()), "=", *draw(values(depth)), *draw(st.sampled_from([[","], []]))]
    return words


@st.composite
def paths(draw: st.DrawFn) -> list[str]:
    return [draw(NAMES), *(word for name in draw(st.sampled_from([[], [], ["y"], ["y", "z"]])) for word in (".", name))]


def values(depth: int) -> st.SearchStrategy[list[str]]:
    scalar = st.one_of(NUMBERS, STRINGS, TEXTS, BOOLS).map(lambda word: [word])
    simple = [scalar, scalar, paths(), st.tuples(NUMBERS, NUMBERS).map(lambda ends: [ends[0], "..", ends[1]])]
    return st.one_of(*simple, *([lists(depth - 1), objects(depth - 1)] if depth else []))


@st.composite
def lists(draw: st.DrawFn, depth: int) -> list[str]:
    words: list[str] = []
    for number in range(draw(st.integers(0, 4))):
        words += [*([","] if number else []), *draw(values(depth))]
    return ["[", *words, *draw(st.sampled_from([[","], []]) if words else st.just([])), "]"]


@st.composite
def objects(draw: st.DrawFn, depth: int) -> list[str]:
    return ["{", *draw(fields(depth)), "}"]
