"""Text to typed experiment: the message names the mistake, its place and the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec.diagnostics import Diagnostic, Source, render
from cordspec.extension.options import Ref
from cordspec.extension.registry import Registry
from cordspec.model import Experiment, resolve

Diagnose = Callable[..., list[Diagnostic]]

BASE = """cord 1
experiment e { seed = 3 }
problems p : inventory { count = 5 }
model a : mini { name = adder }
model b : mini { name = prover }
pool both { teachers = [a, b], temperature = 0.6 }
segmenter steps : step_header {}
scorer pp : predictive_perplexity { prover = b }
search beam4 : beam { size = 4 }
decode traces { problems = p, pool = both, segmenter = steps, scorer = pp, search = beam4 }
"""


def test_defaults_references_and_units(experiment: Callable[..., Experiment]) -> None:
    found = experiment(BASE)
    decode = found.decode("traces")
    assert decode.pool == Ref("pool", "both")
    assert (decode.budget.thinking, decode.budget.answer) == (16_384, 4_096)
    assert found.options.seed == 3


WRONG = [
    ("scorer = pp", "scorer = pq", "E102", "did you mean `pp`?"),
    ("size = 4", "width = 4", "E110", "its fields: size, samples, finished"),
    ("size = 4", "sise = 4", "E110", "did you mean `size`?"),
    ("size = 4", "size = 4tok", "E203", "write `4`"),
    ("size = 4", 'size = "4"', "E202", "write `4`"),
    ("size = 4", "size = 0", "E204", "it must be at least 1"),
    ("size = 4", "size = 4.5", "E202", "expected a whole number"),
    ("size = 4", "finished = compte", "E205", "did you mean `compete`?"),
    ("size = 4", 'finished = "compete"', "E205", "without quotes"),
    ("step_header {}", "step_header { max_step = 2048 }", "E203", "write `2048tok`"),
    ("step_header {}", "step_header { max_step = 2GiB }", "E203", "write `2tok`"),
    ("step_header {}", 'step_header { marker = "Step" }', "E206", 'such as "### Step {n}."'),
    ("prover = b", 'prover = "b"', "E202", "the name of a model or student block, without quotes"),
    ("prover = b", "prover = both", "E103", "name a model or student"),
    ("prover = b", "prover = True", "E102", "known here: a, b"),
    ("teachers = [a, b]", "teachers = a", "E202", "write `[a]`"),
    ("temperature = 0.6", "temperature = [0.5, 0.6, 0.7]", "E207", "give one for all, or one for each"),
    ("beam { size = 4 }", "beem { size = 4 }", "E301", "did you mean `beam`?"),
    ("search beam4 : beam", "search beam4 : predictive_perplexity", "E301", ""),
    ("search beam4 : beam", "search beam4", "E114", "write `: COMPONENT` (beam, curation, integration, mcts)"),
    ("decode traces {", "decode traces : beam {", "E114", "remove `: beam`"),
    ("model a :", "teacher a :", "E101", "did you mean `model`?"),
    ("problems p :", "problem p :", "E101", "did you mean `problems`?"),
    ("pool = both, ", "", "E112", "add `pool = ...`"),
    ("search beam4 : beam { size = 4 }", "search beam4 like pp { size = 4 }", "E103", "name a search"),
    ("experiment e { seed = 3 }", "", "E104", "add `experiment NAME { seed = 0 }`"),
    ("seed = 3", "seed = 3, seed = 4", "E109", "again"),
    ("model b : mini { name = prover }", "model a : mini { name = prover }", "E108", "again"),
]


@pytest.mark.parametrize(("old", "new", "code", "label"), WRONG)
def test_a_newcomers_mistake_gets_one_message_that_names_the_fix(
    diagnose: Diagnose, old: str, new: str, code: str, label: str
) -> None:
    assert old in BASE
    found = [diagnostic for diagnostic in diagnose(BASE.replace(old, new, 1)) if diagnostic.code == code]
    assert len(found) == 1, diagnose(BASE.replace(old, new, 1))
    assert found[0].label == label
    assert found[0].span is not None and found[0].span.source.name == "test.cord"


def test_all_mistakes_of_a_file_are_told_at_once(diagnose: Diagnose) -> None:
    text = BASE.replace("scorer = pp", "scorer = pq").replace("size = 4", "size = 0").replace("= adder", "= addr")
    assert [d.code for d in diagnose(text)] == ["E205", "E204", "E102"]


def test_circles_are_shown_as_a_path(diagnose: Diagnose) -> None:
    circle = "search c : curation { match_tokens = traces }\n"
    found = diagnose(BASE.replace("search = beam4", "search = c") + circle)
    assert [d.code for d in found] == ["E105"]
    assert "`traces`" in found[0].message and "`c`" in found[0].message


def test_set_changes_a_value_and_checks_its_path(experiment: Callable[..., Experiment], diagnose: Diagnose) -> None:
    changed = experiment(BASE, "traces.budget.thinking=100tok", "e.seed=9")
    assert changed.decode("traces").budget.thinking == 100
    assert changed.decode("traces").budget.answer == 4_096
    assert changed.options.seed == 9
    for assignment, code in (("beam5.size=2", "E111"), ("beam4.sise=2", "E110"), ("beam4.size", "E111"), ("x", "E111")):
        found = diagnose(BASE, assignment)
        assert [d.code for d in found] == [code]
        assert found[0].span is not None and found[0].span.source.name == "--set"


def test_like_let_import_and_extends(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "sets.cord").write_text("cord 1\nlet many = 7\nproblems q : inventory { count = many }\n")
    (tmp_path / "base.cord").write_text(
        BASE.replace("count = 5", "count = few").replace("cord 1\n", "cord 1\nlet few = 2\n")
    )
    child = tmp_path / "child.cord"
    text = """cord 1
extends "base.cord"
import "presets/sets.cord" as sets
search greedy like beam4 { size = 1 }
decode traces { search = greedy, problems = sets.q, budget.answer = 9tok }
"""
    found, diagnostics = resolve(Source(str(child), text), registry)
    assert found is not None, render(diagnostics, "concise")
    decode = found.decode("traces")
    assert (decode.search.name, decode.problems.name, decode.budget.answer) == ("greedy", "sets.q", 9)
    assert decode.pool.name == "both"
    assert found.blocks["sets.q"].options.model_dump()["count"] == 7
    assert found.blocks["p"].options.model_dump()["count"] == 2


def test_a_file_that_extends_itself_is_refused(tmp_path: Path, registry: Registry) -> None:
    spec = tmp_path / "self.cord"
    spec.write_text('cord 1\nextends "self.cord"\n' + BASE.removeprefix("cord 1\n"))
    found, diagnostics = resolve(Source(str(spec), spec.read_text()), registry)
    assert found is None and "E105" in [d.code for d in diagnostics]


def test_the_terminal_form_points_at_the_place(diagnose: Diagnose) -> None:
    shown = render(diagnose(BASE.replace("scorer = pp", "scorer = pq")), "text")
    assert (
        shown
        == """error[E102]: no scorer named `pq`
  --> test.cord:10:72
   |
 8 | scorer pp : predictive_perplexity { prover = b }
   | --------- a block with a similar name is defined here
10 | decode traces { problems = p, pool = both, segmenter = steps, scorer = pq, search = beam4 }
   |                                                                        ^^ did you mean `pp`?
  = help: cordspec explain E102"""
    )


def test_control_characters_do_not_reach_a_terminal(diagnose: Diagnose) -> None:
    text = BASE.replace("size = 4", 'size = "\x1b[31m\u202e"')
    assert "\x1b" not in render(diagnose(text), "text")
    assert "\u202e" not in render(diagnose(text), "concise")


def test_evaluating_on_training_problems_is_warned_about(diagnose: Diagnose) -> None:
    more = "student s : sft { init = a, data = traces }\neval v : math_answers { model = s, problems = p }\n"
    assert [d.code for d in diagnose(BASE + more)] == ["W604"]


def test_fields_of_an_inherited_object_keep_the_file_in_which_they_were_written(
    tmp_path: Path, registry: Registry
) -> None:
    """`budget.answer = ...` on a copy leaves the other fields as the library has them, constants included."""
    library = BASE.replace("experiment e { seed = 3 }\n", "").replace(
        "search = beam4 }", "search = beam4, budget = small }"
    )
    (tmp_path / "lib.cord").write_text(
        library.replace("cord 1\n", "cord 1\nlet n = 222tok\nlet small = { thinking = n }\n")
    )
    text = """cord 1
import "lib.cord" as lib
experiment e {}
let n = 999tok
decode mine like lib.traces { budget.answer = 64tok }
"""
    found, diagnostics = resolve(Source(str(tmp_path / "main.cord"), text), registry, ["mine.budget.steps=5"])
    assert found is not None, render(diagnostics, "concise")
    assert found.decode("mine").budget.model_dump() == {"thinking": 222, "answer": 64, "steps": 5}


def test_whole_numbers_are_exact(experiment: Callable[..., Experiment]) -> None:
    assert experiment(BASE.replace("seed = 3", "seed = 9_007_199_254_740_993")).options.seed == 9_007_199_254_740_993


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("temperature = 0.6", "temperature = []", "E204"),
        ("temperature = 0.6", "temperature = 99", "E204"),
        ("seed = 3", "seed = 1__0", "E002"),
        ("seed = 3", "seed = 1_tok", "E002"),
        ("seed = 3", "seed = " + "9" * 60, "E201"),
        ("search = beam4 }", "search = beam4, grader = math_very }", "E301"),
        ("search = beam4 }", "search = beam4, budget = { steps = 1, steps = 2 } }", "E109"),
        ("experiment e { seed = 3 }", "let a = 1\nlet a = 2\nexperiment e { seed = a }", "E108"),
        ("experiment e { seed = 3 }", 'import "\\x00" as a\nexperiment e {}', "E006"),
        ("experiment e { seed = 3 }", 'import "../../../etc/passwd" as a\nexperiment e {}', "E107"),
    ],
)
def test_each_of_these_is_one_diagnostic(diagnose: Diagnose, old: str, new: str, code: str) -> None:
    found = diagnose(BASE.replace(old, new, 1))
    assert code in [diagnostic.code for diagnostic in found]
    assert all("constrained" not in diagnostic.message for diagnostic in found)
    if code.startswith("E2"):
        assert len(found) == 1


def test_curation_matches_a_decode_over_the_same_problems_only(diagnose: Diagnose) -> None:
    more = """problems q : inventory { count = 3, seed = 9 }
search same : curation { match_tokens = traces }
decode ok like traces { search = same }
decode other like ok { problems = q }
"""
    assert [d.code for d in diagnose(BASE + more)] == ["E209"]


def test_truth_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint, entry_points

    plugin = """
from cordspec.plugin import Options, Scorer, hookimpl
class O(Options):
    flag: bool = False
class S(Scorer[O]):
    name = "flagged"
    async def score(self, candidates):
        return []
@hookimpl
def cordspec_components():
    yield S
"""
    (tmp_path / "plug_flagged.py").write_text(plugin)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry([*entry_points(group="cordspec"), EntryPoint("scorer.flagged", "plug_flagged", "cordspec")])
    for written, value in (("true", True), ("false", False)):
        text = BASE + f"scorer f : flagged {{ flag = {written} }}\n"
        found, _ = resolve(Source("t.cord", text), registry)
        assert found is not None and found.blocks["f"].options.model_dump() == {"flag": value}
    for written in ("True", '"true"', "1"):
        _, diagnostics = resolve(Source("t.cord", BASE + f"scorer f : flagged {{ flag = {written} }}\n"), registry)
        assert [d.code for d in diagnostics] == ["E202"]


def test_a_constant_may_have_the_name_of_a_block_that_the_field_cannot_mean(
    experiment: Callable[..., Experiment],
) -> None:
    text = BASE.replace("cord 1\n", "cord 1\nlet pp = 7\n").replace("size = 4", "size = pp")
    assert experiment(text).blocks["beam4"].options.model_dump()["size"] == 7
