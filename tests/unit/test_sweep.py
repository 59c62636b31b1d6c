"""Sweeps: which variants there are, what each changes, and what is wrong with them before any is run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cordspec.diagnostics import Diagnostic, Source, render
from cordspec.extension.registry import Registry
from cordspec.model import Variant, resolve, resolve_variants
from tests.unit.timing import within

BASE = """cord 1
experiment e { seed = 3 }
problems p : inventory { count = 5 }
model a : mini { name = adder }
model b : mini { name = prover }
pool both { teachers = [a, b], temperature = 0.6 }
segmenter steps : step_header {}
scorer pp : predictive_perplexity { prover = b }
search beam4 : beam { size = 4 }
search greedy like beam4 { size = 1 }
search best : curation { traces_per_teacher = 2 }
decode traces { problems = p, pool = both, segmenter = steps, scorer = pp, search = beam4 }
"""
Expand = Callable[..., tuple[list[Variant], list[Diagnostic]]]


@pytest.fixture
def expand(registry: Registry) -> Expand:
    def run(sweep: str, *sets: str) -> tuple[list[Variant], list[Diagnostic]]:
        return resolve_variants(Source("test.cord", f"{BASE}sweep s {{ {sweep} }}\n"), registry, sets)

    return run


def groups(variants: list[Variant]) -> list[str]:
    return list(dict.fromkeys(variant.group for variant in variants))


def test_one_at_a_time_is_the_base_and_every_other_value(expand: Expand) -> None:
    variants, found = expand("vary = { traces.search = [greedy, best, beam4], both.temperature = [0.3, 0.6] }")
    assert not found
    assert groups(variants) == ["base", "traces.search=greedy", "traces.search=best", "both.temperature=0.3"]
    assert [variant.experiment.decode("traces").search.name for variant in variants] == [
        "beam4",
        "greedy",
        "best",
        "beam4",
    ]
    assert [variant.experiment.pool("both").temperature for variant in variants] == [0.6, 0.6, 0.6, 0.3]


def test_grid_is_all_with_all_and_zip_goes_in_step(expand: Expand) -> None:
    vary = "vary = { traces.search = [greedy, best], beam4.size = [2, 3] }"
    grid, _ = expand(f"mode = grid, {vary}")
    assert len(grid) == 4
    assert grid[3].settings == {"traces.search": "best", "beam4.size": "3"}
    zipped, _ = expand(f"mode = zip, {vary}")
    assert [dict(one.settings) for one in zipped] == [
        {"traces.search": "greedy", "beam4.size": "2"},
        {"traces.search": "best", "beam4.size": "3"},
    ]


def test_repetitions_are_runs_of_one_group(expand: Expand) -> None:
    variants, _ = expand("vary = { beam4.size = [2] }, repeat = { e.seed = [1, 2] }")
    assert groups(variants) == ["base", "beam4.size=2"]
    assert [variant.experiment.options.seed for variant in variants] == [1, 2, 1, 2]
    assert variants[2].name == "beam4.size=2 (e.seed=1)"


def test_several_values_of_one_block_are_set_together(expand: Expand) -> None:
    variants, _ = expand("mode = grid, vary = { traces.budget.thinking = [64tok], traces.budget.answer = [9tok] }")
    budget = variants[0].experiment.decode("traces").budget
    assert (budget.thinking, budget.answer, budget.steps) == (64, 9, 256)


def test_skip_leaves_out_what_agrees_with_all_of_a_pattern(expand: Expand) -> None:
    vary = "mode = grid, vary = { traces.search = [greedy, best], beam4.size = [2, 3] }"
    variants, found = expand(f"{vary}, skip = [{{ traces.search = best, beam4.size = 2 }}]")
    assert not found and len(variants) == 3
    assert {"traces.search": "best", "beam4.size": "2"} not in [dict(one.settings) for one in variants]
    by_base, _ = expand("vary = { traces.search = [greedy, best] }, skip = [{ beam4.size = 4, traces.search = best }]")
    assert groups(by_base) == ["base", "traces.search=greedy"]


def test_a_pattern_that_skips_nothing_is_warned_about(expand: Expand) -> None:
    _, found = expand("vary = { beam4.size = [2] }, skip = [{ beam4.size = 9 }]")
    assert [one.code for one in found] == ["W411"]


def test_set_reaches_into_a_sweep(expand: Expand) -> None:
    variants, found = expand(
        "vary = { beam4.size = [2], traces.search = [best] }", "s.mode=grid", "s.vary.beam4.size=[5, 6]"
    )
    assert not found
    assert [dict(one.settings) for one in variants] == [
        {"beam4.size": "5", "traces.search": "best"},
        {"beam4.size": "6", "traces.search": "best"},
    ]


@pytest.mark.parametrize(
    ("sweep", "code", "place"),
    [
        ("vary = { traces.search = [greedy, pp] }", "E103", "pp"),
        ("vary = { traces.search = [gredy] }", "E102", "gredy"),
        ("vary = { beam4.size = [1, 2tok] }", "E203", "2tok"),
        ("vary = { beam4.sise = [1] }", "E110", "sise"),
        ("vary = { beam5.size = [1] }", "E102", "beam5"),
        ("vary = { beam4 = [1] }", "E111", "beam4"),
        ("vary = { beam4.size = 1 }", "E202", "1"),
        ("vary = { beam4.size = [0] }", "E204", "0"),
        ("vary = [beam4]", "E202", "[beam4]"),
        ("mode = gird, vary = { beam4.size = [1] }", "E205", "gird"),
        ("mode = grid", "E112", "sweep s"),
        ("vary = { beam4.size = [1] }, repeats = { e.seed = [1] }", "E110", "repeats"),
        ("mode = zip, vary = { beam4.size = [1, 2], e.seed = [1] }", "E411", "sweep s"),
    ],
)
def test_a_wrong_sweep_is_told_at_its_value(expand: Expand, sweep: str, code: str, place: str) -> None:
    variants, found = expand(sweep)
    assert not variants
    assert [one.code for one in found] == [code], render(found, "text")
    assert found[0].span is not None and found[0].span.text == place


def test_what_a_value_breaks_elsewhere_is_told_with_the_value(expand: Expand) -> None:
    _, found = expand("vary = { both.temperature = [[0.1, 0.2, 0.3]] }")
    assert [one.code for one in found] == ["E207"]
    assert found[0].message.startswith("with `both.temperature=[0.1, 0.2, 0.3]`:")


def test_a_large_sweep_is_refused_by_arithmetic(expand: Expand) -> None:
    values = ", ".join(map(str, range(1, 101)))
    _, found = expand(f"mode = grid, vary = {{ beam4.size = [{values}], e.seed = [{values}] }}")
    assert [one.code for one in found] == ["E406"]
    assert "10,000 variants" in found[0].message


def test_a_spec_has_one_sweep(expand: Expand) -> None:
    _, found = expand("vary = { beam4.size = [1] } }\nsweep t { vary = { beam4.size = [2] }")
    assert [one.code for one in found] == ["E104"]


def test_a_large_spec_with_a_large_sweep_is_checked_in_part_and_says_so(registry: Registry) -> None:
    evals = "".join(f"eval v{n} : math_answers {{ model = a, problems = p, max_tokens = 64tok }}\n" for n in range(600))
    values = ", ".join(map(str, range(1, 201)))
    text = f"{BASE}{evals}sweep s {{ vary = {{ beam4.size = [{values}] }} }}\n"
    with within(6.0):  # a second on an idle machine; without the limit 20
        experiment, found = resolve(Source("large.cord", text), registry)
    assert experiment is not None and [one.code for one in found] == ["W412"]


def test_a_sweep_that_leaves_nothing_to_run_is_told(expand: Expand) -> None:
    variants, found = expand("vary = { beam4.size = [4] }, skip = [{ e.seed = 3 }]")
    assert not variants and "E412" in [one.code for one in found]


@pytest.mark.parametrize(
    ("vary", "skip"),
    [
        ("both.temperature = [[0.3, 0.9]]", "both.temperature = [0.3,0.9]"),
        ("both.temperature = [0.3]", "both.temperature = 0.30"),
        ("traces.search = [greedy]", "traces.budget.thinking = 16_384tok, traces.search = greedy"),
    ],
)
def test_skip_compares_values_and_not_how_they_are_written(expand: Expand, vary: str, skip: str) -> None:
    variants, found = expand(f"vary = {{ {vary} }}, skip = [{{ {skip} }}]")
    assert not found and groups(variants) == ["base"]


@pytest.mark.parametrize(
    ("skip", "code"),
    [("traces.search = nope", "E102"), ("traces.nope = 1", "E110"), ("beam4.size = 99tok", "E203")],
)
def test_values_of_skip_are_typed(expand: Expand, skip: str, code: str) -> None:
    _, found = expand(f"vary = {{ beam4.size = [2] }}, skip = [{{ {skip} }}]")
    assert code in [one.code for one in found]


def test_what_is_skipped_may_be_wrong_and_validate_knows_it_too(registry: Registry) -> None:
    vary = "both.teachers = [[a, b], [a]], both.temperature = [0.6, [0.3, 0.6, 0.9]]"
    wrong = "both.teachers = [a, b], both.temperature = [0.3, 0.6, 0.9]"
    text = f"{BASE}sweep s {{ mode = grid, vary = {{ {vary} }}, skip = [{{ {wrong} }}] }}\n"
    source = Source("test.cord", text)
    assert resolve(source, registry)[1] == []
    assert len(resolve_variants(source, registry)[0]) == 3
    unused = Source("test.cord", text.replace("size = 4", "size = 5").replace(wrong, "beam4.size = 4"))
    assert "W411" in [one.code for one in resolve(unused, registry)[1]]
