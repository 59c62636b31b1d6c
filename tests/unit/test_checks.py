"""Rules across blocks: what is refused before a token is spent, and what is let through."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from cordspec.diagnostics import Diagnostic, Source
from cordspec.extension.registry import Registry
from cordspec.model import resolve

PLUGIN = """
from typing import ClassVar
from cordspec.plugin import *
from cordspec.plugin import hookimpl

class WholeOptions(Options):
    pass
class Whole(Scorer[WholeOptions]):
    name: ClassVar[str] = "whole"
    unit = "trajectory"
    async def score(self, candidates):
        return [0.0 for _ in candidates]

class FewShotOptions(Options):
    examples: ProblemsRef | None = None
    guide: str = ""
class FewShot(Segmenter[FewShotOptions]):
    name: ClassVar[str] = "few_shot"
    max_step = 64
    def prefill(self, number):
        return ""
    def stops(self, number):
        return ()
    def cut(self, text, number):
        return []

from typing import Annotated
from cordspec.plugin import Ref
from cordspec.extension.options import ScorerRef
class BestOfOptions(EvalOptions):
    model: EvaluatedRef
    problems: ProblemsRef
    by: ScorerRef
class BestOf(Evaluator[BestOfOptions]):
    name: ClassVar[str] = "best_of"
    metric_names = ("pass_at_1",)
    samples = 1
    grader = "math_verify"
    def requests(self, problem, engine, seeds):
        return []
    def metrics(self, graded):
        return {}

@hookimpl
def cordspec_components():
    yield Whole
    yield FewShot
    yield BestOf
"""
BASE = """cord 1
experiment e { seed = 3 }
problems p : inventory { count = 5 }
problems q : inventory { count = 5, seed = 2 }
model a : mini { name = adder }
model b : mini { name = prover }
pool both { teachers = [a, b], temperature = 0.6 }
segmenter steps : step_header {}
scorer pp : predictive_perplexity { prover = b }
search beam4 : beam { size = 4 }
search best : curation {}
decode traces { problems = p, pool = both, segmenter = steps, scorer = pp, search = beam4 }
"""


@pytest.fixture
def codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plug_checks.py").write_text(PLUGIN)
    sys.modules.pop("plug_checks", None)
    names = ("scorer.whole", "segmenter.few_shot", "eval.best_of")
    points = [EntryPoint(name, "plug_checks", "cordspec") for name in names]
    registry = Registry([*entry_points(group="cordspec"), *points])

    def run(more: str, text: str = BASE) -> list[str]:
        found: list[Diagnostic] = resolve(Source("test.cord", text + more), registry)[1]
        return [one.code for one in found if one.code not in ("W303", "W601")]

    return run


def test_a_scorer_of_whole_traces_does_not_guide_a_search_over_steps(codes: Callable[..., list[str]]) -> None:
    assert codes("scorer w : whole {}\ndecode other like traces { scorer = w }\n") == ["E208"]
    assert codes("scorer w : whole {}\ndecode other like traces { scorer = w, search = best }\n") == []


def test_examples_from_the_problems_of_a_decode_would_show_answers_to_teachers(codes: Callable[..., list[str]]) -> None:
    more = "segmenter shown : few_shot { examples = q }\ndecode other like traces { segmenter = shown }\n"
    assert codes(more) == ["E501"]
    assert codes("segmenter shown : few_shot {}\ndecode other like traces { segmenter = shown }\n") == []


def test_a_scorer_that_knows_the_answer_has_no_place_in_an_evaluation(codes: Callable[..., list[str]]) -> None:
    assert codes("eval v : best_of { model = a, problems = q, by = pp }\n") == ["E501"]
    assert codes("scorer w : whole {}\neval v : best_of { model = a, problems = q, by = w }\n") == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('model g : openai { model = "m" }\npool o { teachers = [a, g] }\n', ["E602"]),
        ('model g : openai { model = "m" }\nstudent s : sft { init = g, data = traces }\n', ["E602"]),
        (
            "student r : step_reward { init = a, data = q }\neval v : math_answers { model = r, problems = q }\n",
            ["E602", "W604"],
        ),
        ("student r : step_reward { init = a, data = q }\nscorer w : predictive_perplexity { prover = r }\n", ["E602"]),
        ('model g : openai { model = "m" }\nscorer r : process_reward { model = g }\n', ["E602"]),
        ('model g : openai { model = "m" }\nsearch i : integration { integrator = g }\n', []),
        ('model g : openai { model = "m" }\neval v : math_answers { model = g, problems = q }\n', ["E602"]),
    ],
)
def test_engines_are_asked_for_what_they_can_do(
    codes: Callable[..., list[str]], more: str, expected: list[str]
) -> None:
    assert codes(more) == expected


def test_preferences_are_learnt_from_a_decode_and_not_from_problems(codes: Callable[..., list[str]]) -> None:
    assert codes("student s : step_dpo { init = a, data = q }\n") == ["E103"]
    assert codes("student s : step_dpo { init = a, data = traces }\n") == []


def test_all_models_of_a_stage_stand_side_by_side(codes: Callable[..., list[str]]) -> None:
    big = 'model c : vllm { weights = "Qwen/QwQ-32B", gpus = 4 }\nmodel d : vllm { weights = "x/y", gpus = 3 }\n'
    big += "pool large { teachers = [c] }\nscorer far : predictive_perplexity { prover = d }\n"
    big += "decode other like traces { pool = large, scorer = far }\n"
    for gpus, expected in ((6, ["E407"]), (7, [])):
        cluster = f"experiment e {{ seed = 3, cluster = {{ gpus = {gpus} }} }}"
        assert codes(big, BASE.replace("experiment e { seed = 3 }", cluster)) == expected


def test_weights_fit_into_the_memory_of_their_gpus(codes: Callable[..., list[str]]) -> None:
    model = 'model c : vllm { weights = "Qwen/QwQ-32B" }\n'
    for memory, expected in (("40GiB", ["E407"]), ("80GiB", [])):
        cluster = f"experiment e {{ cluster = {{ gpus = 8, gpu_memory = {memory} }} }}"
        assert codes(model, BASE.replace("experiment e { seed = 3 }", cluster)) == expected


def test_a_budget_leaves_room_for_the_question(codes: Callable[..., list[str]]) -> None:
    model = 'model c : vllm { weights = "microsoft/Phi-4-reasoning-plus" }\npool large { teachers = [c] }\n'
    budget = "decode other like traces { pool = large, budget = { thinking = %dtok, answer = 768tok } }\n"
    assert codes(model + budget % 32_000) == ["E408"]
    assert codes(model + budget % 30_000) == []


def test_a_students_context_is_that_of_its_first_model(codes: Callable[..., list[str]]) -> None:
    model = 'model c : vllm { weights = "Qwen/QwQ-32B" }\nstudent s : sft { init = c, data = traces }\n'
    assert codes(model + "eval v : math_answers { model = s, problems = q, max_tokens = 40_960tok }\n") == ["E408"]
    assert codes(model + "eval v : math_answers { model = s, problems = q, max_tokens = 40_000tok }\n") == []


@pytest.mark.parametrize("config", ["[]", "{", "[" * 5_000, '{"num_hidden_layers": "x"}', "null"])
def test_an_odd_model_directory_is_no_reason_to_fail(
    codes: Callable[..., list[str]], tmp_path: Path, config: str
) -> None:
    (tmp_path / "config.json").write_text(config)
    model = f'model c : transformers {{ weights = "{tmp_path}" }}\npool o {{ teachers = [c] }}\n'
    assert codes(model + "decode other like traces { pool = o, budget = { thinking = 9tok } }\n") == []
