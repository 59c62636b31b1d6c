"""A key holds all that decides an answer and nothing else: change any one input and it changes, change anything else and not.

A wrong key is wrong in every run alike, so no comparison of runs finds it (lm-eval scored one model with another's answers).
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest

from cordspec.domain.inference import GenerateRequest, Generation, RewardRequest, Sampling, ScoreRequest, TokenLogprobs
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import Prompt, Segment
from cordspec.domain.scoring import Candidate
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Step, Trajectory
from cordspec.extension.options import Ref
from cordspec.journal import Journal, answer_key
from cordspec.model import Experiment
from cordspec.model.blocks import Budget
from cordspec.plan.build import build
from cordspec.run.attendance import Attendance
from cordspec.run.teachers import Pool, Teacher
from cordspec_api.address import address_of
from cordspec_api.openai import OpenAIModel, OpenAIOptions
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS
from cordspec_std.scorers.predictive_perplexity import PredictivePerplexity, PredictivePerplexityOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

Request = GenerateRequest | ScoreRequest | RewardRequest
Key = Callable[[str, Request], bytes]

ASKED = GenerateRequest((Segment("Q: ", True), Segment("1 + 1")), Sampling(0.6, 0.9, 5), ("\n", "</think>"), 64, 7, 3)
SCORED = ScoreRequest((Segment("Q: ", True), Segment("1 + 1"), Segment("\n### Step 1. two")), "2", ".")
REWARDED = RewardRequest("1 + 1", ("\none", "\ntwo"), 512)

CHANGED: dict[str, tuple[Request, Request]] = {
    "GenerateRequest.prompt: question": (ASKED, replace(ASKED, prompt=(ASKED.prompt[0], Segment("1 + 2")))),
    "GenerateRequest.prompt: template": (ASKED, replace(ASKED, prompt=(Segment("A: ", True), ASKED.prompt[1]))),
    "Segment.template": (ASKED, replace(ASKED, prompt=(ASKED.prompt[0], Segment("1 + 1", True)))),
    "Segment.text: where it is cut": (ASKED, replace(ASKED, prompt=(ASKED.prompt[0], Segment("1 +"), Segment(" 1")))),
    "GenerateRequest.sampling, Sampling.temperature": (ASKED, replace(ASKED, sampling=Sampling(0.7, 0.9, 5))),
    "Sampling.top_p": (ASKED, replace(ASKED, sampling=Sampling(0.6, 0.8, 5))),
    "Sampling.top_k": (ASKED, replace(ASKED, sampling=Sampling(0.6, 0.9, 6))),
    "GenerateRequest.stop": (ASKED, replace(ASKED, stop=("\n",))),
    "GenerateRequest.max_tokens": (ASKED, replace(ASKED, max_tokens=65)),
    "GenerateRequest.seed": (ASKED, replace(ASKED, seed=8)),
    "GenerateRequest.min_tokens": (ASKED, replace(ASKED, min_tokens=4)),
    "ScoreRequest.prompt: prefix": (SCORED, replace(SCORED, prompt=(*SCORED.prompt[:2], Segment("\n### Step 1. 2")))),
    "ScoreRequest.prompt: question": (SCORED, replace(SCORED, prompt=(Segment("Q: ", True), Segment("?")))),
    "ScoreRequest.target": (SCORED, replace(SCORED, target="3")),
    "ScoreRequest.after": (SCORED, replace(SCORED, after="")),
    "RewardRequest.question": (REWARDED, replace(REWARDED, question="1 + 2")),
    "RewardRequest.steps": (REWARDED, replace(REWARDED, steps=("\none", "\ntoo"))),
    "RewardRequest.steps: where one ends": (REWARDED, replace(REWARDED, steps=("\none\ntwo",))),
    "RewardRequest.window": (REWARDED, replace(REWARDED, window=256)),
}
"""One input of a request changed."""


def blind(key: Key) -> list[str]:
    """The inputs to which keys are not sensitive."""
    found = [name for name, (one, other) in CHANGED.items() if key("m", one) == key("m", other)]
    found += [f"model of a {type(one).__name__}" for one in (ASKED, SCORED, REWARDED) if key("m", one) == key("n", one)]
    return found


def test_a_key_is_sensitive_to_every_input_of_a_request() -> None:
    assert len(CHANGED) + 3 == 22
    assert blind(answer_key) == []


def test_every_field_of_a_request_is_among_them() -> None:
    there = {
        f"{kind.__name__}.{one.name}"
        for kind in (GenerateRequest, ScoreRequest, RewardRequest, Sampling, Segment)
        for one in fields(kind)
    }
    tried = {word.rstrip(":,") for name in CHANGED for word in name.split() if "." in word}
    assert there - tried == set()


def without(kind: type[Request], changed: Callable[[Any], Request]) -> Key:
    """A key that does not see something of one kind of request."""
    return lambda model, request: answer_key(model, changed(request) if isinstance(request, kind) else request)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (without(ScoreRequest, lambda one: replace(one, prompt=one.prompt[:2])), "ScoreRequest.prompt: prefix"),
        (without(ScoreRequest, lambda one: replace(one, prompt=())), "ScoreRequest.prompt: question"),
        (without(GenerateRequest, lambda one: replace(one, seed=0)), "GenerateRequest.seed"),
        (lambda model, request: answer_key("", request), "model of a ScoreRequest"),
    ],
)
def test_a_key_that_lacks_something_is_found(key: Key, told: str) -> None:
    assert told in blind(key)


# from a spec's settings to the keys of what is asked


@dataclass(frozen=True)
class Settings:
    """What decides what is asked about one prefix."""

    seed: int = 1
    question: str = "1 + 1"
    reference: str = "2"
    prefix: tuple[str, ...] = ("\n### Step 1. one",)
    finished: bool = False
    label: str = "t"
    temperature: float = 0.6
    index: int = 0
    extent: str = "step"
    marker: str = "### Step {n}."
    max_step: int = 32
    thinking: int = 256
    answer: int = 16
    opening: str = "Q: "


@dataclass
class Noting:
    """An engine that notes the keys of what it is asked."""

    opened: str
    noted: list[bytes] = field(default_factory=list)
    load = 0

    def opening(self, question: str) -> Prompt:
        return (Segment(self.opened, template=True), Segment(question))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, request: GenerateRequest) -> Generation:
        self.noted.append(answer_key("m", request))
        return Generation(" two.", 3, "end")

    async def score(self, request: ScoreRequest) -> TokenLogprobs:
        self.noted.append(answer_key("m", request))
        return TokenLogprobs((-0.5,))


def asked(settings: Settings, **not_inputs: Any) -> dict[str, bytes]:
    """The keys of a proposal, a final answer and a score."""
    engine = Noting(settings.opening)
    problem = Problem(settings.question, settings.reference)
    steps = tuple(Step(text, not_inputs.get("authors", ("t",)), 4) for text in settings.prefix)
    prefix = Trajectory(steps, settings.finished)
    teacher = Teacher(settings.label, engine, Sampling(settings.temperature))
    patience = not_inputs.get("patience", 0.0)
    pool = Pool(
        (*not_inputs.get("before", ()), teacher), StepHeader(StepHeaderOptions(marker=settings.marker, max_step=settings.max_step)),
        Budget(thinking=settings.thinking, answer=settings.answer), settings.seed,
        Attendance("fail", patience, Journal(Path(":memory:"))), not_inputs.get("weights", ()),
    )  # fmt: skip
    place = len(pool.teachers) - 1
    expansion = Expansion(not_inputs.get("number", 0), prefix, place, settings.index, settings.extent)  # type: ignore[arg-type]

    class Seen:
        def engine(self, ref: Ref, role: str = "prover") -> Noting:
            return engine

    scorer = PredictivePerplexity(PredictivePerplexityOptions(prover=Ref("model", "p")), Seen())  # type: ignore[arg-type]

    async def all_three() -> None:
        await pool.propose(problem.view, expansion)
        await pool.answer(problem.view, prefix, place)
        await scorer.score([Candidate(problem.view, prefix, 1, problem.answer)])

    asyncio.run(all_three())
    return dict(zip(("propose", "answer", "score"), engine.noted, strict=True))


INPUTS: dict[str, tuple[object, set[str]]] = {
    "seed": (2, {"propose", "answer"}),
    "question": ("1 + 2", {"propose", "answer", "score"}),
    "reference": ("3", {"score"}),
    "prefix": (("\n### Step 1. won",), {"propose", "answer", "score"}),
    "finished": (True, {"propose", "answer"}),
    "label": ("u", {"propose", "answer"}),
    "temperature": (0.7, {"propose", "answer"}),
    "index": (1, {"propose"}),
    "extent": ("trace", {"propose"}),
    "marker": ("Step {n}:", {"propose"}),
    "max_step": (33, {"propose"}),
    "thinking": (20, {"propose"}),
    "answer": (17, {"answer"}),
    "opening": ("Problem: ", {"propose", "answer", "score"}),
}
"""Another value of each setting, and the keys which that must change: a teacher's do not depend on the reference answer."""


def test_every_setting_is_tried() -> None:
    assert {one.name for one in fields(Settings)} == set(INPUTS)
    assert len(INPUTS) + len(CHANGED) >= 25


@pytest.mark.parametrize("name", INPUTS)
def test_a_setting_changes_the_keys_that_it_decides_and_no_other(name: str) -> None:
    value, decided = INPUTS[name]
    before, after = asked(Settings()), asked(replace(Settings(), **{name: value}))
    assert {asked for asked, key in after.items() if key != before[asked]} == decided


@pytest.mark.parametrize(
    "other",
    [
        {"patience": 99.0},
        {"number": 12},
        {"weights": (3,)},
        {"authors": ("t", "u")},
        {"before": (Teacher("first", Noting("P: "), Sampling()),), "weights": (1, 1)},
    ],
)
def test_what_decides_no_answer_changes_no_key(other: dict[str, Any]) -> None:
    assert asked(Settings(), **other) == asked(Settings())


# what a model is


def test_a_models_fingerprint_holds_what_decides_its_answers_and_not_where_or_how_fast_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "adder"
    shutil.copytree(CHECKPOINTS / "adder", weights)
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(CHECKPOINTS / "adder", moved)

    def local(**more: Any) -> str:
        return TransformersModel(TransformersModelOptions(**{"weights": str(weights), **more})).fingerprint()

    base = local()
    assert local(weights=str(moved)) == local(prefix_tokens=7) == local(device="cpu") == base
    examples = tmp_path / "examples.jsonl"
    examples.write_text("{}\n")
    assert base not in {
        local(dtype="float64"),
        local(system="Be brief."),
        local(prompt="base"),
        local(examples=str(examples)),
    }
    known = {base}
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        file = weights / name
        file.write_bytes(file.read_bytes() + b" ")
        assert local() not in known, f"{name} is no part of it"
        known.add(local())

    def remote(**more: Any) -> str:
        return OpenAIModel(OpenAIOptions(**{"model": "m", **more})).fingerprint()

    assert remote(retries=1) == remote(timeout=1.0) == remote(concurrency=1) == remote()
    assert remote() not in {
        remote(model="n"),
        remote(service="other"),
        remote(limit="max_tokens"),
        remote(sampling="service"),
    }
    monkeypatch.setenv("CORDSPEC_SERVICE_OPENAI_URL", "http://127.0.0.1:9/v1")
    assert remote() == OpenAIModel(OpenAIOptions(model="m")).fingerprint(), "where it is does not matter"


SPEC = """cord 1
experiment e { seed = 1, in_flight = 4 }
problems p : inventory { count = 3 }
model a : mini { name = adder }
model b : mini { name = prover }
pool two { teachers = [a, b], temperature = 0.5, patience = 10s }
segmenter steps : step_header { max_step = 32tok }
scorer pp : predictive_perplexity { prover = b }
search beam2 : beam { size = 2 }
decode d { problems = p, pool = two, segmenter = steps, scorer = pp, search = beam2 }
"""


def test_a_stage_is_known_by_its_inputs_and_not_by_what_is_under_way(experiment: Callable[..., Experiment]) -> None:
    def stage(*sets: str) -> str:
        return build(experiment(SPEC, *sets), lambda block: repr(block.options)).of_block("d").id

    inputs = [
        "e.seed=2", "p.count=4", "a.name=base", "b.name=base", "two.temperature=0.6", "steps.max_step=33tok",
        "pp.mean=min", "beam2.size=3", "d.budget.thinking=64tok", "d.keep=correct",
    ]  # fmt: skip
    found = [stage(setting) for setting in inputs]
    assert len({stage(), *found}) == len(inputs) + 1
    assert {stage("e.in_flight=9"), stage("two.patience=1s"), stage("d.speculate=2")} == {stage()}


# letters that a Turkish locale writes otherwise


def test_a_dotless_i_is_another_letter_and_a_name_is_the_same_in_every_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = ("I", "i", "ı", "İ", "i̇")
    assert len({answer_key("m", replace(ASKED, prompt=(Segment(one),))) for one in letters}) == len(letters)
    assert len({Problem(one, "2").id for one in letters}) == len(letters)
    assert len({Trajectory((Step(f"\n{one}", (), 1),)).key for one in letters}) == len(letters)
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("CORDSPEC_SERVICE_MINI_URL", "http://127.0.0.1:9/v1")
    assert address_of("mini").url == "http://127.0.0.1:9/v1", "and not CORDSPEC_SERVICE_MİNİ_URL"
