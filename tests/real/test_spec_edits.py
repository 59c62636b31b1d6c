"""What is reused after a change of the spec, of data, of weights or of a plugin: exactly what does not depend on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from cordspec import api
from cordspec.plan.graph import Graph
from cordspec.run.changes import Comparison, SetAside
from tests.real.toys import SPEC, Toys

ALL = frozenset({"p", "held", "traces", "single", "small", "before", "after"})
DECODES = frozenset({"traces", "single", "small", "after"})
TRACES = frozenset({"traces", "small", "after"})


def text(before: str, after: str) -> Callable[[Toys], None]:
    """An edit of the spec."""

    def edit(toys: Toys) -> None:
        spec = toys.spec.read_text()
        assert before in spec
        toys.spec.write_text(spec.replace(before, after))

    return edit


def rows(name: str, numbers: list[int], answer: str = "1") -> Callable[[Toys], None]:
    return lambda toys: toys.problems(name, numbers, answer)


def other_weights(toys: Toys) -> None:
    (toys.place / "b.bin").write_text("trained a little longer")


def other_file_of_the_same_problems(toys: Toys) -> None:
    shutil.copy(toys.place / "p.jsonl", toys.place / "renamed.jsonl")
    text('"p.jsonl"', '"renamed.jsonl"')(toys)


EDITS: dict[str, tuple[Callable[[Toys], None], frozenset[str]]] = {
    "a comment": (text("cord 1\n", "cord 1\n# a remark\n"), frozenset()),
    "a doc comment": (text("decode traces {", "## What it is.\ndecode traces {"), frozenset()),
    "problems in flight": (text("in_flight = 4", "in_flight = 1"), frozenset()),
    "patience": (text("temperature = 0.8", "temperature = 0.8, patience = 5s"), frozenset()),
    "guesses": (text("grader = toy_exact\n  budget", "grader = toy_exact, speculate = 2\n  budget"), frozenset()),
    "an expectation": (text("samples = 2,", "samples = 2, expect = { pass_at_1 = 0%..100% },"), frozenset()),
    "another file with the same problems": (other_file_of_the_same_problems, frozenset()),
    "the name of a search": (text("beam2", "wide"), frozenset()),
    "the seed": (text("seed = 5", "seed = 6"), ALL - {"p", "held"}),
    "a search's size": (text("beam { size = 2 }", "beam { size = 3 }"), TRACES),
    "the other search's size": (text("beam { size = 1 }", "beam { size = 3 }"), frozenset({"single"})),
    "another kind of search": (text("beam { size = 2 }", "curation { traces_per_teacher = 2 }"), TRACES),
    "a pool's temperature": (text("temperature = 0.8", "temperature = 0.7"), TRACES),
    "the other pool's": (text("[a] }", "[a], temperature = 0.7 }"), frozenset({"single"})),
    "the order of teachers": (text("[a, b]", "[b, a]"), TRACES),
    "where a step ends": (text("16tok", "12tok"), DECODES),
    "how scores are averaged": (text("prover = prover }", "prover = prover, mean = arithmetic }"), DECODES),
    "a budget": (text("answer = 8tok", "answer = 9tok"), DECODES),
    "which traces are kept": (text("grader = toy_exact\n", "grader = toy_exact, keep = correct\n"), DECODES),
    "who grades": (text("search = beam2, grader = toy_exact", "search = beam2"), DECODES),
    "the weights behind a name": (other_weights, TRACES),
    "a teacher that is everywhere": (text('toy { name = "a" }', 'toy { name = "a", steps = 2 }'), ALL - {"p", "held"}),
    "the prover": (text('toy { name = "prover" }', 'toy { name = "judge" }'), DECODES),
    "a changed row": (rows("p.jsonl", [0, 1, 2, 77]), DECODES | {"p"}),
    "a changed answer": (rows("p.jsonl", [0, 1, 2, 3], "2"), DECODES | {"p"}),
    "other held-out problems": (rows("held.jsonl", [100]), frozenset({"held", "before", "after"})),
    "draws of an evaluation": (text("samples = 2", "samples = 3"), frozenset({"before", "after"})),
    "how long is trained": (text("init = a,", "init = a, steps = 4,"), frozenset({"small", "after"})),
    "what is trained on": (text("data = traces", "data = single"), frozenset({"small", "after"})),
    "the name of a decode": (text("single", "lone"), frozenset({"lone"})),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    """A finished run, which no test changes."""
    place = tmp_path_factory.mktemp("made") / "work"
    toys = Toys(place, SPEC.replace('toy { name = "b" }', 'toy { name = "b", weights = "b.bin" }'))
    (place / "b.bin").write_text("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        api.execute(toys.variants(), toys.out, registry=toys.registry())
    return toys


@pytest.fixture
def toys(made: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toys:
    """The same run, to be changed."""
    copy = Toys(tmp_path / "work")
    shutil.copytree(made.place, copy.place, dirs_exist_ok=True)
    monkeypatch.chdir(copy.place)
    return copy


def compared(toys: Toys, limit: int | None = None) -> Comparison:
    registry = toys.registry()
    return api.what_changed(toys.variants(registry=registry), toys.out, limit=limit, registry=registry)


def again(comparison: Comparison) -> frozenset[str]:
    return frozenset(one.stage.block for one in comparison.plan.variants[0].standings if not one.made)


@pytest.mark.parametrize("name", EDITS)
def test_after_an_edit_exactly_what_depends_on_it_is_made_again(toys: Toys, name: str) -> None:
    edit, expected = EDITS[name]
    edit(toys)
    comparison = compared(toys)
    assert again(comparison) == expected
    assert bool(comparison.left) == bool(expected), "something is set aside whenever anything is made again"
    for one in comparison.plan.variants[0].standings:
        assert one.made or one.why not in ("", "its files are gone"), one
        assert one.made or one.changes or one.stage.block == "lone", f"{one.stage.block}: nobody says why: {one.why}"


def test_there_are_enough_edits() -> None:
    assert len(EDITS) >= 20
    assert len({expected for _, expected in EDITS.values()}) >= 8


def fingerprints_and_makeups(graph: Graph) -> list[tuple[str, str]]:
    return [
        (stage.fingerprint, json.dumps(graph.makeups[stage.block].as_dict(), sort_keys=True)) for stage in graph.stages
    ]


def test_equal_fingerprints_are_equal_makeups_and_the_other_way_round(
    made: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all stages after all edits: what is told of a stage is all that decides it, and nothing else."""
    pairs = []
    for number, (edit, _) in enumerate(EDITS.values()):
        copy = Toys(tmp_path / f"edit{number}")
        shutil.copytree(made.place, copy.place, dirs_exist_ok=True)
        monkeypatch.chdir(copy.place)
        edit(copy)
        pairs += fingerprints_and_makeups(compared(copy).plan.variants[0].graph)
    kinds = {fingerprint for fingerprint, _ in pairs}
    assert len(kinds) > 30
    assert len(kinds) == len({makeup for _, makeup in pairs}) == len(set(pairs))


def test_a_field_that_is_left_out_of_the_fingerprint_is_seen(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: with this bug an old decode would pass for one at another temperature."""
    building = import_module("cordspec.plan.build")
    sound = building.identity_fields
    monkeypatch.setattr(building, "identity_fields", lambda options: [n for n in sound(options) if n != "temperature"])
    api.execute(toys.variants(), toys.out, registry=toys.registry(), apply=True)
    text("temperature = 0.8", "temperature = 0.7")(toys)
    assert again(compared(toys)) != TRACES


def told(comparison: Comparison, block: str) -> str:
    return next(one.why for one in comparison.plan.variants[0].standings if one.stage.block == block)


def test_the_reason_names_the_setting_and_both_values(toys: Toys) -> None:
    text("beam { size = 2 }", "beam { size = 3 }")(toys)
    text("temperature = 0.8", "temperature = 0.7")(toys)
    found = compared(toys)
    assert told(found, "traces") == "changed: both.temperature is 0.7, was 0.8; beam2.size is 3, was 2"
    assert told(found, "small") == "made from traces, which will be made again"


def test_a_component_that_takes_anothers_place_is_told_as_that(toys: Toys) -> None:
    text("beam { size = 2 }", "curation { traces_per_teacher = 2 }")(toys)
    assert told(compared(toys), "traces") == "changed: beam2 is curation, was beam"


def test_changed_rows_are_new_problems_and_removed_ones_are_counted(toys: Toys) -> None:
    toys.problems("p.jsonl", [0, 1, 50, 51, 52])
    found = compared(toys).plan.variants[0].problems["p"]
    assert str(found) == "problems: 3 new, 2 gone"
    toys.problems("p.jsonl", [0, 1, 2, 3], "2")
    assert str(compared(toys).plan.variants[0].problems["p"]) == "problems: 4 with another answer"


def test_a_changed_row_asks_only_for_the_new_problem(toys: Toys) -> None:
    """The decode is made again, and the journal answers for the problems that stayed."""
    text("data = traces }", "data = traces, steps = 3 }")(toys)
    toys.problems("p.jsonl", [0, 1, 2, 60])
    api.execute(toys.variants(), toys.out, registry=toys.registry(), apply=True)
    entry = next(one for one in toys.manifest["stages"] if one["block"] == "traces")  # type: ignore[attr-defined]
    ledger = json.loads((toys.out / "stages" / entry["id"] / "ledger.json").read_text())
    asked = sum(one["calls"] - one["remembered"] for one in ledger.values())
    calls = sum(one["calls"] for one in ledger.values())
    assert 0 < asked <= calls / 3


def test_nothing_finished_is_set_aside_unasked_and_nothing_is_deleted(toys: Toys) -> None:
    before = {path: path.read_bytes() for path in toys.out.rglob("*") if path.is_file() and "stages" in path.parts}
    manifest = toys.manifest
    text("seed = 5", "seed = 6")(toys)
    with pytest.raises(SetAside, match=r"E715.*t\.seed is 6, was 5") as caught:
        api.execute(toys.variants(), toys.out, registry=toys.registry())
    assert caught.value.exit_code == 5
    assert toys.manifest == manifest
    api.execute(toys.variants(), toys.out, registry=toys.registry(), apply=True)
    assert {path: path.read_bytes() for path in before} == before
    text("seed = 6", "seed = 5")(toys)
    with pytest.raises(SetAside):
        api.execute(toys.variants(), toys.out, registry=toys.registry())
    assert again(compared(toys)) == frozenset(), "going back costs nothing"


def test_more_or_fewer_problems_by_limit_are_not_asked_about(toys: Toys) -> None:
    for limit in (2, 3, None, 1):
        assert compared(toys, limit).left == ()
    api.execute(toys.variants(), toys.out, registry=toys.registry(), limit=2)
    api.execute(toys.variants(), toys.out, registry=toys.registry(), limit=3)
    text("seed = 5", "seed = 6")(toys)
    assert compared(toys, 2).left, "another seed beside another limit is"


def test_a_file_that_has_grown_is_asked_about(toys: Toys) -> None:
    """Without `--limit` nobody said that more problems are wanted."""
    toys.problems("p.jsonl", range(6))
    assert {one.entry.block for one in compared(toys).left} == {"p", "traces", "single", "small", "after"}


def test_sweeps_may_grow_unasked_and_losing_a_variant_is_told(toys: Toys) -> None:
    sweep = "sweep s { vary = { greedy.size = [%s] } }\n"
    spec = toys.spec.read_text()
    toys.spec.write_text(spec + sweep % "3")
    assert compared(toys).left == ()
    api.execute(toys.variants(), toys.out, registry=toys.registry())
    toys.spec.write_text(spec + sweep % "3, 4")
    api.execute(toys.variants(), toys.out, registry=toys.registry())
    toys.spec.write_text(spec + sweep % "4")
    assert {one.entry.block for one in compared(toys).left} == {"single"}
    one = [variant for variant in toys.variants() if variant.name == "base"]
    api.execute(one, toys.out, registry=toys.registry(), known=["base", "greedy.size=4"])


def test_part_of_a_spec_sets_nothing_aside(toys: Toys) -> None:
    api.execute(toys.variants(), toys.out, registry=toys.registry(), only=["before"])
    api.execute(toys.variants(), toys.out, registry=toys.registry())


def test_another_version_of_a_plugin_is_recorded_and_warned_of_and_makes_nothing_again(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=2)
    assert toys.run().returncode == 0
    entry = next(one for one in toys.manifest["stages"] if one["block"] == "traces")  # type: ignore[attr-defined]
    assert entry["plugins"]["model toy"] == "cordspec-toy 1.0"
    toys.install("2.0")
    done = toys.run()
    assert done.returncode == 0 and "7 finished already" in done.stdout
    assert "warning[W716]" in done.stderr and "cordspec-toy 1.0, and used again; cordspec-toy 2.0" in done.stderr
    why = json.loads(toys.call("why-rerun", "t.cord", "--out", "run", "--format", "json").stdout)
    assert all(stage["reused"] for stage in why["variants"][0]["stages"])
    assert [one["code"] for one in why["upgraded"]] == ["W716"]


def test_other_files_of_the_same_version_of_a_plugin_are_warned_of(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=2)
    record = toys.site / "cordspec_toy-1.0.dist-info" / "RECORD"
    record.write_text("cordspec_toy.py,sha256=aaa,1\n")
    assert toys.run().returncode == 0
    assert "W716" not in toys.run().stderr
    record.write_text("cordspec_toy.py,sha256=bbb,1\n")
    done = toys.run()
    assert done.returncode == 0 and "7 finished already" in done.stdout
    assert "warning[W716]" in done.stderr and done.stderr.count("cordspec-toy 1.0 sha256:") == 2


def test_the_commands_say_it(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=2)
    assert toys.run().returncode == 0
    why = toys.call("why-rerun", "t.cord", "--out", "run", "--set", "greedy.size=2")
    assert why.returncode == 0, why.stderr
    assert "decode single    changed: greedy.size is 2, was 1\n" in why.stdout
    assert "to make, by the plan's assumptions at most:" in why.stdout and " calls, " in why.stdout
    refused = toys.run("--set", "greedy.size=2")
    assert refused.returncode == 5 and refused.stderr.count("error[") == 1
    assert "error[E715]" in refused.stderr and "decode single    changed: greedy.size is 2, was 1\n" in refused.stderr
    assert "problems p" not in refused.stdout, "it was said before anything was done"
    assert toys.run("--set", "greedy.size=2", "--apply").returncode == 0
    assert len(list((toys.out / "stages").glob("decode-single-*"))) == 2
