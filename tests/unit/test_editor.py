"""What an editor asks about a spec, as pure functions of a text and an offset; `|` is the cursor."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordspec.diagnostics import Source, Span
from cordspec.editor.actions import actions
from cordspec.editor.analysis import Analysis, Analyst
from cordspec.editor.candidates import Completion
from cordspec.editor.completion import complete
from cordspec.editor.definition import definition
from cordspec.editor.desk import Desk
from cordspec.editor.formatting import formatted
from cordspec.editor.hover import hover
from cordspec.editor.kinds import SENTENCES
from cordspec.editor.outline import outline
from cordspec.editor.pieces import cut
from cordspec.editor.plugins import PatientRegistry
from cordspec.editor.positions import Encoding, Positions, units
from cordspec.editor.references import references
from cordspec.editor.remembering import Memory
from cordspec.editor.rename import RenameRefused, rename, renamed_at
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model import resolve
from cordspec.syntax import parse
from cordspec.syntax.parser import KINDS

BASE = """cord 1
let few = 5
experiment e { seed = 3 }
## Five word problems.
problems p : inventory { count = few }
model a : mini { name = adder }
model b : mini { name = prover }
pool both { teachers = [a, b], temperature = 0.6 }
segmenter steps : step_header {}
scorer pp : predictive_perplexity { prover = b }
search beam4 : beam { size = 4 }
decode traces { problems = p, pool = both, segmenter = steps, scorer = pp, search = beam4, budget.answer = 64tok }
"""

At = Callable[..., tuple[Analysis, int]]


@pytest.fixture
def at(registry: Registry) -> At:
    """The analysis of a text with a cursor, and the cursor's offset."""

    def analysed(text: str, name: str = "test.cord") -> tuple[Analysis, int]:
        offset = text.index("|")
        return Analyst(registry).analyse(Source(name, text[:offset] + text[offset + 1 :])), offset

    return analysed


def changed(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new, 1)


def labels(found: Sequence[Completion]) -> list[str]:
    return [one.label for one in found]


def shown(spans: Sequence[Span]) -> list[str]:
    return [f"{Path(span.source.name).name}:{span.line}:{span.text}" for span in spans]


# completion


BEAM = ["size", "samples", "finished"]
RULES = ["compete", "reserve", "shelve", "first"]
DECODE = ["problems", "pool", "segmenter", "scorer", "search", "budget", "keep", "grader"]
COMPLETIONS = {
    "the name of a block": (BASE + "model c|", []),
    "after kind and name": (BASE + "model c |", ["like"]),
    "models after like": (BASE + "model c like |", ["a", "b"]),
    "models after like, with one begun": (BASE + "model c like a| {}", ["a", "b"]),
    "only what stands above may be copied": (changed("model b : mini", "model b like | : mini"), ["a"]),
    "trackers in a list of them": (BASE + "experiment f { trackers = [jsonl, |] }", ["jsonl", "mlflow", "trackio", "wandb"]),
    "graders where a component is named": (changed("budget.answer = 64tok", "grader = |"), ["exact", "integer", "math_verify", "multiple_choice", "numeric", "reasoning_gym", "tatqa"]),
    "all fields of a block": (BASE + "search c : beam { | }\n", BEAM),
    "fields by the model of a copy": (BASE + "search c like beam4 { | }\n", BEAM),
    "fields not yet given": (BASE + "search c : beam { size = 4, | }\n", ["samples", "finished"]),
    "fields not given below": (BASE + "search c : beam {\n  si|\n  samples = 3\n}\n", ["size", "finished"]),
    "fields where the closing brace is missing": (BASE + "search c : beam { size = 4 |", ["samples", "finished"]),
    "fields in a block that the next one cuts off": (changed("size = 4 }", "size = 4, |"), ["samples", "finished"]),
    "fields after a broken value": (BASE + "search c : beam { size = = , |", ["samples", "finished"]),
    "fields of the core's own blocks": (BASE + "experiment f { | }", ["seed", "in_flight", "cluster", "trackers"]),
    "fields of a nested object": (changed("budget.answer = 64tok", "budget = { | }"), ["thinking", "answer", "steps"]),
    "other fields of a nested object": (
        changed("budget.answer = 64tok", "budget = { steps = 3, | }"),
        ["thinking", "answer"],
    ),
    "fields after a dot": (
        changed("budget.answer = 64tok", "budget.|"),
        ["budget.thinking", "budget.answer", "budget.steps"],
    ),
    "fields after a dot, not yet given": (
        changed("budget.answer = 64tok", "budget.answer = 4tok, budget.th|"),
        ["budget.thinking", "budget.steps"],
    ),
    "members": (BASE + "search c : beam { finished = |", RULES),
    "members, begun": (changed("name = prover", "name = pro| "), ["adder", "subtracter", "multiplier", "prover", "base"]),
    "blocks of the kind": (changed("search = beam4", "search = |"), ["beam4"]),
    "blocks of one of two kinds": (
        BASE + "student s : sft { init = a, data = | }",
        ["p", "traces"],
    ),
    "blocks in a list": (changed("[a, b]", "[a, |]"), ["a", "b"]),
    "blocks in a list that is not closed": (changed("[a, b]", "[|"), ["a", "b"]),
    "a block is not its own reference": (BASE + "search s : curation { match_tokens = | }", ["traces"]),
    "constants that fit": (changed("count = few", "count = |"), ["few"]),
    "no constants that do not": (changed("size = 4", "finished = |"), RULES),
    "units after a number": (changed("64tok", "64|"), ["64tok"]),
    "units after the beginning of one": (changed("step_header {}", "step_header { max_step = 12t| }"), ["12tok"]),
    "blocks in a sweep": (
        BASE + "sweep s { vary = { | } }",
        ["e", "p", "a", "b", "both", "steps", "pp", "beam4", "traces"],
    ),
    "fields in a sweep": (BASE + "sweep s { vary = { beam4.| } }", [f"beam4.{name}" for name in BEAM]),
    "values in a sweep": (BASE + "sweep s { vary = { traces.search = [|", ["beam4"]),
    "members in a sweep": (BASE + "sweep s { vary = { beam4.finished = [|] } }", RULES),
    "values of a pattern that is skipped": (BASE + "sweep s { skip = [{ traces.search = | }] }", ["beam4"]),
    "fields of the sweep itself": (BASE + "sweep s { mode = grid, | }", ["vary", "skip", "repeat", "compare"]),
    "nothing in a comment": (BASE + "# mod|", []),
    "nothing in a description": (BASE + "## the mod|\nmodel c : mini { name = adder }\n", []),
    "nothing in a text": (changed("step_header {}", 'step_header { marker = "### Step| {n}." }'), []),
    "nothing in a text that is not closed": (changed("step_header {}", 'step_header { marker = "|'), []),
    "fields of a component that is not installed": (BASE + "search c : nosuch { | }", []),
    "a line that ends in CRLF": ((BASE + "search c : beam { size = 4, | }\n").replace("\n", "\r\n"), ["samples", "finished"]),
    "after characters that take two units": (
        BASE + "search c : beam {\n  # \N{GRINNING FACE}\N{GRINNING FACE}\n  size = 4, | }\n",
        ["samples", "finished"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), COMPLETIONS.values(), ids=COMPLETIONS)
def test_a_place_offers_what_fits_there_and_nothing_else(at: At, text: str, expected: list[str]) -> None:
    assert labels(complete(*at(text))) == expected


@pytest.mark.parametrize("text", [BASE + "|", BASE + "mo|", BASE + "pool c { top_p = 0.5\nmo|", "|", "cord 1\nm|"])
def test_every_line_may_begin_with_a_kind(at: At, text: str) -> None:
    assert set(labels(complete(*at(text)))) >= KINDS


def test_an_empty_file_is_offered_its_first_line(at: At) -> None:
    assert "cord 1" in labels(complete(*at("|")))
    assert "cord 1" not in labels(complete(*at("cord 1\n|")))


def test_every_kind_has_its_sentence() -> None:
    assert set(SENTENCES) == KINDS


def test_components_of_the_kind_are_offered_after_the_colon(at: At, registry: Registry) -> None:
    for text in ("model c : |", "model c : mi|", "model c : mi| { name = adder }\nmodel d : mini { name = adder }\n"):
        assert labels(complete(*at(BASE + text))) == registry.names("model")


def test_fields_come_with_type_default_and_description_and_needed_ones_first(at: At) -> None:
    found = {one.label: one for one in complete(*at(BASE + "student s : sft { | }"))}
    assert found["init"].detail == "name of a model or student, needed" and found["init"].rank == 0
    assert found["max_length"].detail == "number with a unit (tok), default 20_480tok" and found["max_length"].rank == 1
    assert found["lr"].documentation == "peak learning rate of AdamW"
    assert found["lr"].inserted == "lr = "


def test_a_field_that_has_its_equals_sign_gets_no_second_one(at: At) -> None:
    found = complete(*at(BASE + "search c : beam { si| = 4 }"))
    assert next(one for one in found if one.label == "size").inserted == "size"


def test_what_is_replaced_is_what_has_been_typed_of_it(at: At) -> None:
    for text, typed in (
        (BASE + "mod|", "mod"),
        (changed("64tok", "64|"), "64"),
        (BASE + "sweep s { vary = { a.na|", "a.na"),
    ):
        analysis, offset = at(text)
        for one in complete(analysis, offset):
            assert analysis.source.text[one.start : offset] == typed


def test_imported_blocks_are_offered_by_their_full_names(tmp_path: Path, at: At) -> None:
    (tmp_path / "sets.cord").write_text("cord 1\nproblems q : inventory {}\n")
    text = changed("cord 1\n", 'cord 1\nimport "sets.cord" as sets\n')
    for place in ("problems = |", "problems = se|", "problems = sets.|", "problems = sets.q|"):
        analysis, offset = at(text.replace("problems = p", place), str(tmp_path / "main.cord"))
        found = complete(analysis, offset)
        assert labels(found) == ["sets.q", "p"]
        assert analysis.source.text[found[0].start : offset] == place.removeprefix("problems = ").removesuffix("|")


def test_truth_values_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = "from cordspec.plugin import Options, Scorer, hookimpl\n"
    plugin += "class O(Options):\n    flag: bool = False\nclass S(Scorer[O]):\n    name = 'flagged_here'\n"
    plugin += "    async def score(self, candidates):\n        return []\n"
    plugin += "@hookimpl\ndef cordspec_components():\n    yield S\n"
    (tmp_path / "plug_flagged_here.py").write_text(plugin)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry([EntryPoint("scorer.flagged_here", "plug_flagged_here", "cordspec")])
    text = "cord 1\nscorer s : flagged_here { flag = "
    analysis = Analyst(registry).analyse(Source("t.cord", text))
    assert labels(complete(analysis, len(text))) == ["true", "false"]


# hover

HOVERS = {
    "a kind": (BASE.replace("search beam4", "sea|rch beam4"), [SENTENCES["search"]]),
    "a field": (
        BASE.replace("size = 4", "si|ze = 4"),
        ["whole number", "number of prefixes that are kept", "at least 1, at most 256", "Default: `4`", "`4`, set here"],
    ),
    "a field with a unit": (
        BASE.replace("budget.answer", "budget.ans|wer"),
        ["number with a unit (tok)", "tokens of the final answer", "more than 0tok", "`4_096tok`", "`64tok`, set here"],
    ),
    "an object of which one field is set": (
        BASE.replace("budget.answer", "bud|get.answer"),
        ["what one trace may cost", "`{ answer = 64tok, ... }`, set here"],
    ),
    "a value": (BASE.replace("name = prover", "name = prov|er"), ["which of the miniature models", "`prover`, set here"]),
    "a default": (
        BASE + "search c like beam4 { sam|ples = 1 }\n",
        ["proposals of each teacher", "`1`, set here"],
    ),
    "a copied value": (BASE + "search c like beam4 {}\nsearch d like c { si|ze = 2 }\n", ["`2`, set here"]),
    "a field that is needed": (BASE.replace("scorer = pp", "sco|rer = pp"), ["name of a scorer", "A value is needed."]),
    "a component": (
        BASE.replace(": beam {", ": be|am {"),
        ["search `beam`", "version 1", "Keeps the ``size`` best prefixes", "`samples`: whole number, default `1`"],
    ),
    "a helper component": (
        BASE.replace("budget.answer = 64tok", "grader = math_ver|ify"),
        ["grader `math_verify`", "time_limit"],
    ),
    "a block": (
        BASE.replace("problems = p,", "problems = p|,"),
        ["problems p : inventory", "Five word problems.", "test.cord:5"],
    ),
    "a block in a list": (BASE.replace("[a, b]", "[a, |b]"), ["model b : mini", "test.cord:7"]),
    "a constant": (BASE.replace("count = few", "count = f|ew"), ["let `few` = `5`", "test.cord:2"]),
    "a setting in a sweep": (
        BASE + "sweep s { vary = { beam4.si|ze = [1, 2] } }\n",
        ["number of prefixes that are kept", "`4`, from `beam4`, test.cord:11"],
    ),
    "a word beside a mistake": (
        BASE.replace("size = 4 }", "si|ze = 4").replace("{ seed = 3 }", "{ seed = }"),
        ["number of prefixes"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), HOVERS.values(), ids=HOVERS)
def test_a_word_is_explained(at: At, text: str, expected: list[str]) -> None:
    found = hover(*at(text))
    assert found is not None
    for said in expected:
        assert said in found.text


def test_white_space_and_comments_are_not_explained(at: At) -> None:
    assert hover(*at(BASE + "\n|\n")) is None
    assert hover(*at(BASE + "# the mod|el\n")) is None


def test_a_value_in_force_is_told_with_the_place_that_it_comes_from(tmp_path: Path, at: At) -> None:
    (tmp_path / "base.cord").write_text(BASE.replace("size = 4", "size = 9, samples = 2"))
    text = 'cord 1\nextends "base.cord"\nsearch beam4 { samples = 3 }\nsearch wide like beam4 { size = 12 }\n'
    main = str(tmp_path / "main.cord")

    def told(old: str, new: str) -> str:
        found = hover(*at(text.replace(old, new), main))
        assert found is not None
        return found.text.splitlines()[-1]

    assert told("samples = 3", "sam|ples = 3") == "In force: `3`, set here"
    assert told("{ samples = 3 }", "{ si|ze }") == "In force: `9`, from base.cord:11"
    assert told("{ size = 12 }", "{ sam|ples }") == "In force: `3`, from `beam4`, main.cord:3"
    assert told("{ size = 12 }", "{ fini|shed }") == "In force: `compete`, the default of search `beam` version 1"
    assert told("{ size = 12 }", "{}\nexperiment e { in_|flight }") == "In force: `64`, the default of `experiment`"


# definition

DEFINITIONS = {
    "a reference": (BASE.replace("scorer = pp", "scorer = p|p"), ["test.cord:10:pp"]),
    "in a list": (BASE.replace("[a, b]", "[a, b|]"), ["test.cord:7:b"]),
    "after like": (BASE + "search c like bea|m4 {}\n", ["test.cord:11:beam4"]),
    "a constant": (BASE.replace("count = few", "count = |few"), ["test.cord:2:few"]),
    "a block's own name": (BASE.replace("model a", "model |a"), ["test.cord:6:a"]),
    "a block in a sweep": (BASE + "sweep s { vary = { tra|ces.search = [beam4] } }", ["test.cord:12:traces"]),
    "a value in a sweep": (BASE + "sweep s { vary = { traces.search = [be|am4] } }", ["test.cord:11:beam4"]),
    "a repeated seed": (BASE + "sweep s { repeat = { |e.seed = [1, 2] } }", ["test.cord:3:e"]),
    "in a pattern": (BASE + "sweep s { skip = [{ traces.search = beam|4 }] }", ["test.cord:11:beam4"]),
    "in a constant that is used": (
        BASE.replace("let few", "let who = [a|]\nlet few").replace("[a, b]", "who"),
        ["test.cord:7:a"],
    ),
    "a field of the same name": (BASE.replace("pool = both", "po|ol = both"), []),
    "a member of the same name": (BASE.replace("name = adder", "name = ad|der") + "model adder : mini {}\n", []),
    "a member with the name of a constant": (
        BASE.replace("let few", "let compete").replace("size = 4", "finished = com|pete"),
        [],
    ),
    "a kind": (BASE.replace("search beam4", "sear|ch beam4"), []),
    "beside a mistake": (
        BASE.replace("scorer = pp", "scorer = p|p").replace("{ seed = 3 }", "{ seed 3"),
        ["test.cord:10:pp"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_name_leads_to_where_it_is_defined(at: At, text: str, expected: list[str]) -> None:
    assert shown(definition(*at(text))) == expected


SETS = "cord 1\nlet many = 7\nproblems q : inventory { count = many }\n"
MAIN = """cord 1
import "sets.cord" as sets
extends "base.cord"
decode traces { problems = sets.q }
decode more like traces { problems = sets.q, search = greedy }
search greedy like beam4 { size = 1 }
"""


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A spec that extends one file and imports another."""
    (tmp_path / "sets.cord").write_text(SETS)
    (tmp_path / "base.cord").write_text(BASE)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("problems = sets.q }", "problems = sets.|q }", ["sets.cord:3:q"]),
        ("problems = sets.q }", "problems = se|ts.q }", ["main.cord:2:sets"]),
        ("as sets", "as |sets", ["sets.cord:1:"]),
        ('"sets.cord"', '"se|ts.cord"', ["sets.cord:1:"]),
        ('"base.cord"', '"|base.cord"', ["base.cord:1:"]),
        ("like beam4", "like beam|4", ["base.cord:11:beam4"]),
        ("like traces", "like tra|ces", ["base.cord:12:traces", "main.cord:4:traces"]),
    ],
)
def test_names_lead_to_other_files(three: Path, at: At, old: str, new: str, expected: list[str]) -> None:
    assert shown(definition(*at(MAIN.replace(old, new, 1), str(three / "main.cord")))) == expected


# references and rename


def test_references_are_those_that_mean_the_block_and_no_field_of_its_name(at: At) -> None:
    text = BASE.replace("search beam4", "search |size").replace("search = beam4", "search = size")
    text += "search c like size { size = 3 }\nsweep s { vary = { size.size = [1], traces.search = [size, c] } }\n"
    analysis, offset = at(text)
    found = shown(references([analysis], offset, with_definitions=True))
    assert found == [f"test.cord:{line}:size" for line in (11, 12, 13, 14, 14)]
    assert len(references([analysis], offset, with_definitions=False)) == 4


def test_references_go_over_imports_extensions_and_open_documents(three: Path, at: At, registry: Registry) -> None:
    analysis, offset = at(MAIN.replace("sets.q }", "sets.|q }", 1), str(three / "main.cord"))
    found = references([analysis], offset, with_definitions=True)
    assert shown(found) == ["main.cord:4:q", "main.cord:5:q", "sets.cord:3:q"]
    sets = Analyst(registry).analyse(Source(str(three / "sets.cord"), SETS))
    from_the_library = references([sets, analysis], SETS.index("q :"), with_definitions=True)
    assert shown(from_the_library) == shown(found)


def test_a_file_that_is_imported_twice_has_one_block_of_each_name(three: Path, at: At) -> None:
    text = MAIN.replace('as sets\n', 'as sets\nimport "sets.cord" as others\n')  # fmt: skip
    text = text.replace("problems = sets.q,", "problems = others.q|,")
    found = shown(references([at(text, str(three / "main.cord"))[0]], at(text)[1], with_definitions=True))
    assert found == ["main.cord:5:q", "main.cord:6:q", "sets.cord:3:q"]


def edited(analyses: Sequence[Analysis], offset: int, new: str) -> dict[str, str]:
    """The texts of the files after a rename."""
    edits = rename(analyses, offset, new, lambda _: True)
    texts = {Path(edit.span.source.name).name: edit.span.source.text for edit in edits}
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        name = Path(edit.span.source.name).name
        texts[name] = texts[name][: edit.span.start] + edit.text + texts[name][edit.span.end :]
    return texts


def test_a_rename_leaves_fields_members_and_texts_of_the_same_name_alone(at: At) -> None:
    text = BASE.replace("model b", "model prover").replace("[a, b]", "[a, prover]")
    text = text.replace("prover = b", "prover = pro|ver").replace("## Five", "## By prover. Five")
    after = edited(at(text)[:1], at(text)[1], "sage")["test.cord"]
    assert "model sage : mini { name = prover }" in after
    assert "[a, sage]" in after and "{ prover = sage }" in after and "## By prover." in after
    assert [one.code for one in Analyst(Registry()).analyse(Source("t.cord", after)).diagnostics] == []


RENAMES = {
    "a constant": (BASE.replace("let few", "let fe|w"), ["let some = 5", "count = some"]),
    "a block in a sweep": (
        BASE + "sweep s { vary = { tra|ces.search = [beam4] }, repeat = { traces.budget.steps = [3] } }\n",
        ["decode some {", "{ some.search = [beam4] }", "{ some.budget.steps = [3] }"],
    ),
    "a value in a sweep": (
        BASE + "sweep s { vary = { traces.search = [be|am4] }, skip = [{ traces.search = beam4 }] }\n",
        ["search some :", "search = some,", "[some]", "traces.search = some }"],
    ),
    "a copied block": (BASE + "search c like beam4 {}\n", ["search some :", "like some"]),
}


@pytest.mark.parametrize(("text", "expected"), RENAMES.values(), ids=RENAMES)
def test_a_rename_reaches_every_place(at: At, text: str, expected: list[str]) -> None:
    text = text if "|" in text else text.replace("search beam4", "search |beam4")
    analysis, offset = at(text)
    after = edited([analysis], offset, "some")["test.cord"]
    for part in expected:
        assert part in after
    before = [one.code for one in analysis.diagnostics]
    assert [one.code for one in Analyst(Registry()).analyse(Source("t.cord", after)).diagnostics] == before


def test_a_rename_goes_over_files(three: Path, at: At) -> None:
    main = str(three / "main.cord")
    after = edited(*_as_list(at(MAIN.replace("like beam4", "like beam|4"), main)), "wide")
    assert "search wide : beam" in after["base.cord"] and "search = wide" in after["base.cord"]
    assert "search greedy like wide" in after["main.cord"]
    after = edited(*_as_list(at(MAIN.replace("as sets", "as se|ts"), main)), "data")
    assert after["main.cord"].count("data.q") == 2 and 'import "sets.cord" as data' in after["main.cord"]
    after = edited(*_as_list(at(MAIN.replace("sets.q }", "sets.|q }", 1), main)), "r")
    assert after["main.cord"].count("sets.r") == 2 and "problems r :" in after["sets.cord"]


def _as_list(found: tuple[Analysis, int]) -> tuple[list[Analysis], int]:
    return [found[0]], found[1]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("4beam", "is no name"),
        ("a-b", "is no name"),
        ("", "is no name"),
        ("größe", "is no name"),
        ("model", "begins a block"),
        ("like", "word of the language"),
        ("pp", "is taken, by a scorer at"),
        ("few", "is taken, by a let at"),
    ],
)
def test_a_name_that_cannot_be_given_is_refused_with_the_reason(at: At, new: str, said: str) -> None:
    analysis, offset = at(BASE.replace("search = beam4", "search = be|am4"))
    with pytest.raises(RenameRefused, match=said):
        rename([analysis], offset, new, lambda _: True)


def test_a_name_in_a_file_outside_of_the_workspace_is_refused(three: Path, at: At) -> None:
    analysis, offset = at(MAIN.replace("like beam4", "like be|am4"), str(three / "main.cord"))
    with pytest.raises(RenameRefused, match=r"base\.cord, which is outside of the workspace"):
        rename([analysis], offset, "wide", lambda name: "base" not in name)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("search c : beam { size = }\n", "has mistakes that may hide"),
        ("eval d : nosuch { model = beam4 }\n", "not known whether `beam4` at test.cord:13"),
        ("experiment f { serach = beam4 }\n", "not known whether `beam4` at test.cord:13"),
        ("let unused = beam4\n", "not known whether `beam4` at test.cord:13"),
    ],
)
def test_a_rename_that_might_miss_a_place_is_refused(at: At, more: str, said: str) -> None:
    analysis, offset = at(BASE.replace("search = beam4", "search = be|am4") + more)
    with pytest.raises(RenameRefused, match=said):
        rename([analysis], offset, "wide", lambda _: True)


@pytest.mark.parametrize("old", ["sea|rch beam4", "beam4 : be|am", "si|ze = 4"])
def test_kinds_components_and_fields_cannot_be_renamed(at: At, old: str) -> None:
    analysis, offset = at(BASE.replace(old.replace("|", ""), old, 1))
    with pytest.raises(RenameRefused, match="only blocks"):
        renamed_at([analysis], offset)


# outline, quick fixes, layout


def test_the_outline_lists_blocks_constants_and_imports_with_what_they_are(three: Path, at: At) -> None:
    analysis, _ = at("|" + MAIN + "let few = 5\nmodel c : mini { name =\n", str(three / "main.cord"))
    assert [(one.kind, one.name, one.detail) for one in outline(analysis)] == [
        ("import", "sets", "sets.cord"),
        ("extends", "base.cord", "extends"),
        ("decode", "traces", "decode"),
        ("decode", "more", "decode like traces"),
        ("search", "greedy", "search like beam4"),
        ("let", "few", "5"),
        ("model", "c", "model : mini"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "title", "after"),
    [
        ("scorer = pp", "scorer = |pq", "write `pp`", "scorer = pp"),
        ("64tok", "6|4", "write `64tok`", "budget.answer = 64tok"),
        ("beam { size", "be|em { size", "write `beam`", "search beam4 : beam { size"),
        ("size = 4", "size :| 4", "write `=`", "size = 4"),
        ("model a", "teacher| a", "write `model`", "model a"),
    ],
)
def test_a_diagnostic_offers_its_fix(at: At, old: str, new: str, title: str, after: str) -> None:
    analysis, offset = at(BASE.replace(old, new, 1))
    found = actions(analysis, offset, offset)
    assert [one.fix.title for one in found] == [title]
    fix = found[0].fix
    assert after in analysis.source.text[: fix.span.start] + fix.replacement + analysis.source.text[fix.span.end :]
    assert actions(analysis, 0, 0) == []


def test_the_layout_is_one_edit_of_the_lines_that_change() -> None:
    text = (
        "cord 1\n\nexperiment e { seed = 3 }\n\nmodel a   :   mini { name=adder }\n\nmodel b : mini { name = prover }\n"
    )
    (edit,) = formatted(Source("t.cord", text))
    assert edit.span.text == "model a   :   mini { name=adder }\n"
    assert edit.text == "model a : mini { name = adder }\n"
    after = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert formatted(Source("t.cord", after)) == []


def test_a_text_with_mistakes_is_not_laid_out() -> None:
    assert formatted(Source("t.cord", "cord 1\nmodel a   : mini { name = \n")) == []


def test_the_layout_keeps_the_line_ends_of_the_document() -> None:
    (edit,) = formatted(Source("t.cord", "cord 1\r\n\r\nmodel a :  mini { name = adder }\r\n"))
    assert edit.text == "model a : mini { name = adder }\r\n"
    assert formatted(Source("t.cord", "cord 1\r\n\r\nmodel a : mini { name = adder }\r\n")) == []


# positions

FACE = "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("text", "encoding", "line", "character", "offset"),
    [
        (f"ab\n{FACE}x|y", "utf-16", 1, 3, 5),
        (f"ab\n{FACE}x|y", "utf-8", 1, 5, 5),
        (f"ab\n{FACE}x|y", "utf-32", 1, 2, 5),
        ("é|", "utf-8", 0, 2, 1),
        ("a\r\nb\rc|\nd", "utf-16", 2, 1, 6),
        ("a\x0cb\u2028c|", "utf-16", 0, 5, 5),
        ("a\r\n|", "utf-16", 1, 0, 3),
    ],
)
def test_a_position_is_counted_in_lines_and_code_units(
    text: str, encoding: Encoding, line: int, character: int, offset: int
) -> None:
    positions = Positions(text.replace("|", ""), encoding)
    assert positions.position(offset) == (line, character)
    assert positions.offset(line, character) == offset


def test_positions_that_do_not_exist_are_the_nearest_that_do() -> None:
    positions = Positions(f"a{FACE}\r\nb", "utf-16")
    assert positions.offset(0, 2) == 1  # between the halves of a pair
    assert positions.offset(0, 99) == 2  # before the line break
    assert positions.offset(7, 0) == 5


@given(
    st.text(st.sampled_from("a\u00e9\u4e2d\U0001f600\r\n\u2028 "), max_size=40),
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
)
def test_every_offset_comes_back_from_its_position(text: str, encoding: Encoding) -> None:
    positions = Positions(text, encoding)
    for offset in range(len(text) + 1):
        if text[offset - 1 : offset + 1] != "\r\n":
            assert positions.offset(*positions.position(offset)) == offset


def test_half_a_pair_of_surrogates_has_a_length() -> None:
    assert [units("\ud83d", encoding) for encoding in ("utf-8", "utf-16", "utf-32")] == [3, 1, 1]


# open documents


def plain(node: object) -> object:
    """A tree or diagnostics without the identity of their sources."""
    if isinstance(node, Span):  # in this text, or in a former one that is the same up to there
        return node.source.name, node.start, node.end, node.line, node.column, node.text
    if isinstance(node, (list, tuple)):
        return [type(node), *(plain(one) for one in node)]
    names = getattr(node, "__dataclass_fields__", ())
    return [type(node), *(plain(getattr(node, name)) for name in names)] if names else node


WORDS = [
    "{", "}", "[", "]", "=", ":", ",", ".", "..", '"', '"""', "like", "model", "\n", "#", "## ", "let few = 7", "cord",
    "512tok", "true", "é", FACE, " ", ";", "\nsearch c : beam { size = 2 }\n", "\nsearch = beam4", "@", "-0.6", "\r\n",
]  # fmt: skip


@pytest.mark.parametrize(("spec", "edits"), [("miniature", 300), ("ablations", 80), ("hetero_beam4", 80)])
def test_after_many_edits_the_diagnostics_are_those_of_a_fresh_look(
    spec: str, edits: int, root: Path, registry: Registry
) -> None:
    draw = random.Random(spec)
    name = str(root / "specs" / "typed.cord")
    original = text = (root / "specs" / f"{spec}.cord").read_text()
    desk = Desk(registry)
    wrong = 0
    for _ in range(edits):
        start = draw.randrange(len(text) + 1)
        taken = draw.choice([0, 0, 1, 1, 5, 40]) if draw.random() < 0.6 else 0
        put = draw.choice(WORDS) if not taken or draw.random() < 0.3 else ""
        text = text[:start] + put + text[start + taken :]
        (told, *_) = list(desk.put(name, text))
        fresh = resolve(Source(name, text), registry, library=True)[1]
        wrong += bool(fresh)
        assert plain(list(desk.analysis(name).diagnostics)) == plain(fresh)
        assert all(
            one.span is None or one.span.source.name != name or text.startswith(one.span.source.text[: one.span.end])
            for one in told.diagnostics
        )
        if len(fresh) > 8:
            text = original  # a text that is all wrong says little
    assert wrong > edits / 3


@pytest.mark.parametrize("seed", range(2))
def test_what_is_remembered_of_a_text_is_its_syntax_tree(seed: int, root: Path) -> None:
    draw = random.Random(seed)
    memory = Memory()
    text = (root / "specs" / "miniature.cord").read_text()
    for _ in range(150):
        start = draw.randrange(len(text) + 1)
        changed_text = text[:start] + draw.choice(WORDS) + text[start + draw.choice([0, 1, 9]) :]
        file, found = memory.parse(Source("t.cord", changed_text))
        fresh, fresh_found = parse(Source("t.cord", changed_text))
        assert plain(file.items) == plain(fresh.items)
        assert (file.lost, file.lost_kinds) == (fresh.lost, fresh.lost_kinds)
        assert sorted(str(plain(one)) for one in found) == sorted(str(plain(one)) for one in fresh_found)


def test_a_text_is_cut_where_blocks_begin_with_their_descriptions() -> None:
    blocks = [
        "cord 1\n\n",
        "## One.\nmodel a : m { x = 1 }\n\n",
        'model b : m { x = """\nmodel c\n""" } # model d\n  model e : m {}\n',
        "let f = 1\nmodels = 3\n",
    ]
    pieces = cut("".join(blocks))
    assert pieces is not None and [piece.text for piece in pieces] == blocks
    assert cut('cord 1\nmodel a : m { x = """\n## """ }\nmodel b : m {}\n') is None


def test_a_mended_mistake_is_not_told_any_more(registry: Registry) -> None:
    desk = Desk(registry)
    (told,) = desk.put("t.cord", BASE.replace("scorer = pp", "scorer = pq"))
    assert [one.code for one in told.diagnostics] == ["E102"]
    (told,) = desk.put("t.cord", BASE)
    assert told.diagnostics == ()


def test_an_imported_file_gets_the_diagnostics_that_lie_in_it(three: Path, registry: Registry) -> None:
    (three / "sets.cord").write_text(SETS.replace("count", "cuont"))
    desk = Desk(registry)
    told = {Path(one.path).name: one.diagnostics for one in desk.put(str(three / "main.cord"), MAIN)}
    assert [one.code for one in told["sets.cord"]] == ["E110"]
    assert "E110" not in [one.code for one in told["main.cord"]]
    (three / "sets.cord").write_text(SETS)
    told = {Path(one.path).name: one.diagnostics for one in desk.refresh()}
    assert told["sets.cord"] == ()


def test_what_is_typed_into_an_imported_file_counts_before_it_is_saved(three: Path, registry: Registry) -> None:
    desk = Desk(registry)
    main, sets = str(three / "main.cord"), str(three / "sets.cord")
    main_text = MAIN.replace("problems = sets.q,", "problems = sets.r,")
    (told, *_) = desk.put(main, main_text)
    assert "E102" in [one.code for one in told.diagnostics]
    told_by_name = {
        Path(one.path).name: one.diagnostics for one in desk.put(sets, SETS + "problems r : inventory {}\n")
    }
    assert "E102" not in [one.code for one in told_by_name["main.cord"]]
    told_by_name = {Path(one.path).name: one.diagnostics for one in desk.close(sets)}
    assert told_by_name["sets.cord"] == () and "E102" in [one.code for one in told_by_name["main.cord"]]


def test_a_parser_that_fails_leaves_the_document_open(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(registry)
    monkeypatch.setattr("cordspec.editor.analysis.resolve", lambda *_: 1 / 0)
    (told,) = desk.put("t.cord", BASE)
    assert [one.code for one in told.diagnostics] == ["E901"]
    monkeypatch.undo()
    (told,) = desk.put("t.cord", BASE + "\n")
    assert told.diagnostics == ()


# plugins and safety


@pytest.mark.parametrize(
    ("failure", "said"),
    [("SystemExit", "tried to end the language server"), ("RuntimeError('no')", "RuntimeError: no")],
)
def test_a_plugin_that_fails_to_load_is_tried_once(
    failure: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "plug_that_fails", raising=False)
    plugin = "from pathlib import Path\nwith Path(__file__).with_name('tries').open('a') as tries:\n"
    (tmp_path / "plug_that_fails.py").write_text(plugin + "    tries.write('x')\nraise " + failure + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = PatientRegistry([EntryPoint("scorer.fails", "plug_that_fails", "cordspec")])
    for _ in range(3):
        with pytest.raises(RegistryError, match=said):
            registry.get("scorer", "fails")
    assert (tmp_path / "tries").read_text() == "x"


PURE = """
import sys
events = []
sys.addaudithook(lambda event, arguments: events.append((event, arguments)))
from pathlib import Path
from cordspec.diagnostics import Source
from cordspec.editor.analysis import Analyst
from cordspec.editor.completion import complete
from cordspec.editor.hover import hover
from cordspec.editor.references import references
from cordspec.extension.registry import Registry
name = sys.argv[1]
text = Path(name).read_text()
analysis = Analyst(Registry()).analyse(Source(name, text))
for offset in range(0, len(text), 7):
    complete(analysis, offset), hover(analysis, offset), references([analysis], offset, with_definitions=True)
complete(Analyst(Registry()).analyse(Source(name, text + "model c : ")), len(text) + 10)
bad = [event for event, _ in events if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.system"))]
assert not bad, bad
read = {str(arguments[0]) for event, arguments in events if event == "open" and isinstance(arguments[0], str)}
assert {Path(one).name for one in read if one.endswith(".cord")} <= {"main.cord", "base.cord", "sets.cord"}
loaded = {module.partition(".")[0] for module in sys.modules}
assert not loaded & {"pygls", "lsprotocol", "torch", "transformers", "trl"}, loaded
assert "cordspec_api" not in loaded and "cordspec_vllm" not in loaded
"""


def test_questions_open_no_socket_start_no_process_and_import_only_what_the_spec_names(three: Path) -> None:
    (three / "main.cord").write_text(MAIN)
    done = subprocess.run(
        [sys.executable, "-c", PURE, str(three / "main.cord")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
