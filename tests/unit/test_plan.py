"""Plans: the arithmetic of costs against its closed forms and against what a run counted, and what is made already."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec.artifacts.manifest import StageEntry
from cordspec.extension.kinds.scorer import ScoreEffort
from cordspec.extension.kinds.search import Wave
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.cached import standings
from cordspec.plan.effort import Pool, decode_effort
from cordspec.plan.graph import Graph, Makeup, Part, Stage

Run = Callable[..., subprocess.CompletedProcess[str]]
T, L, K, B, M, Q, P = 25, 400, 3, 4, 10, 16, 300
BEAM = [Wave(K, 0, 1, K), Wave(K * K, 1, 1, B), *(Wave(B * K, depth, 1, B) for depth in range(2, T))]


def test_the_beam_of_the_paper_costs_what_the_closed_forms_say() -> None:
    """Decode tokens, naive prompt tokens and scored tokens of one problem; teachers q, r and p, prover q."""
    efforts = decode_effort(BEAM, Pool(("q", "r", "p"), ("q",)), ScoreEffort(1, M, 0), Assumptions())
    teachers = [one for one in efforts if one.role == "teacher"]
    prover = next(one for one in efforts if one.role == "scorer")
    calls = [K, K * K, *([B * K] * (T - 2))]
    assert sum(one.generated for one in teachers) == pytest.approx(sum(calls) * L + Assumptions().answer_tokens)
    naive = sum(count * (P + depth * L) for depth, count in enumerate(calls))
    assert sum(one.prefilled_naive for one in teachers) == pytest.approx(naive)
    scoring = sum(count * (P + (depth + 1) * L + Q + M) for depth, count in enumerate(calls))
    assert prover.prefilled_naive == pytest.approx(scoring)
    assert (prover.calls, prover.scored) == (sum(calls), sum(calls) * M)
    reused = (K - 1) / K * sum(calls) * L + sum(calls) * (16 + Q + M)
    assert prover.prefilled == pytest.approx(reused)


def test_a_teacher_that_proves_pays_for_the_others_steps_once() -> None:
    efforts = decode_effort(BEAM, Pool(("q", "r", "p"), ("q",)), ScoreEffort(1, M, 0), Assumptions())
    by_name = {one.model: one for one in efforts if one.role == "teacher"}
    assert by_name["q"].prefilled < by_name["r"].prefilled
    outside = decode_effort(BEAM, Pool(("q", "r", "p"), ("x",)), ScoreEffort(1, M, 0), Assumptions())
    assert (
        next(one for one in outside if one.role == "scorer").prefilled
        > next(one for one in efforts if one.role == "scorer").prefilled
    )


def test_curation_reads_a_trace_once() -> None:
    waves = [Wave(12, 0, T, 1)]
    efforts = decode_effort(waves, Pool(("q", "r", "p"), ("q",)), ScoreEffort(1, M, 0), Assumptions())
    assert sum(one.generated for one in efforts) == pytest.approx(12 * T * L + 200)
    assert next(one for one in efforts if one.role == "scorer").prefilled_naive == 12 * (P + T * L + Q + M)


def stage(kind: str, block: str, mark: str, *inputs: str) -> Stage:
    return Stage(kind, block, mark * 64, inputs)  # type: ignore[arg-type]


def made(block: str, mark: str, **parts: object) -> StageEntry:
    return StageEntry("decode", block, f"decode-{block}-{mark * 12}", mark * 64, 1.0, "", parts)


def test_why_a_stage_will_be_made_again() -> None:
    stages = (stage("problems", "p", "a"), stage("decode", "t", "b", "p"), stage("evaluate", "v", "c", "t"))
    makeups = {
        "p": Makeup((Part("content", "what `p` stands for", "a" * 64),), ()),
        "t": Makeup((Part("problems", "t.problems", "a" * 64, "p"), Part("search.size", "s.size", 4)), ()),
        "v": Makeup((Part("model", "v.model", "b" * 64, "t"),), ()),
    }
    graph = Graph("e", stages, makeups)
    before = {"t": made("t", "x", **{"problems": "a" * 64, "search.size": 2}), "v": made("v", "y", model="x" * 64)}
    found = standings(graph, before, frozenset({stages[0].id}))
    assert [one.made for one in found] == [True, False, False]
    assert found[1].why == "changed: s.size is 4, was 2"
    assert found[2].why == "made from t, which will be made again"
    assert standings(graph, before, frozenset(one.id for one in stages[:2]))[2].why == (
        "made from t, which is another one now"
    )
    assert standings(graph, {}, frozenset())[1].why == "not made yet"
    gone = {"t": made("t", "b")}
    assert standings(graph, gone, frozenset())[1].why == "its files are gone"
    assert standings(graph, gone, frozenset(), begun=stages[1].id)[1].why == "begun, not finished"
    unrecorded = standings(graph, {"t": made("t", "x")}, frozenset())[1]
    assert "without what it was made of" in unrecorded.why and unrecorded.changes == ()


def test_the_paper_size_spec_is_planned_offline(cordspec: Run) -> None:
    spec = str(Path(__file__).parents[2] / "specs" / "hetero_beam4.cord")
    done = cordspec("plan", spec, "--format", "json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    stages = {one["block"]: one for one in plan["variants"][0]["stages"]}
    assert stages["traces"]["items"] == 817
    generated = sum(one["generated"] for one in stages["traces"]["efforts"] if one["role"] == "teacher")
    assert generated == pytest.approx(817 * (288 * 400 + 200))
    assert 1 < stages["traces"]["hours"] < 48
    assert "problems math.limo_v1" in plan["not_looked_at"]


def test_assumptions_can_be_given_and_are_checked(cordspec: Run) -> None:
    spec = str(Path(__file__).parents[2] / "specs" / "hello.cord")
    fewer = json.loads(cordspec("plan", spec, "--assume", "steps=4", "--format", "json").stdout)
    more = json.loads(cordspec("plan", spec, "--assume", "steps=8", "--format", "json").stdout)
    calls = [p["variants"][0]["stages"][1]["efforts"][3]["calls"] for p in (fewer, more)]
    assert calls == [20 * (3 + 9 + 12 * 2), 20 * (3 + 9 + 12 * 6)]
    wrong = cordspec("plan", spec, "--assume", "stepz=4")
    assert wrong.returncode == 2 and "error[E118" in wrong.stderr


def test_a_sweep_is_planned_with_what_its_variants_share(cordspec: Run) -> None:
    spec = str(Path(__file__).parents[2] / "specs" / "ablations.cord")
    plan = json.loads(cordspec("plan", spec, "--format", "json").stdout)
    assert len(plan["variants"]) == 39
    ids = {stage["id"] for variant in plan["variants"] for stage in variant["stages"]}
    assert len(ids) < sum(len(variant["stages"]) for variant in plan["variants"])
