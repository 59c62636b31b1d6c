"""Tasks of lm-evaluation-harness on a run's models: its numbers are those that are computed without it.

lm-eval is in no lock: it wants another version of python-dateutil. What needs it is skipped where it is not installed.
"""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cordspec import api
from cordspec.artifacts.records import PredictionRecord, read_lines
from cordspec.errors import PreflightError, UsageError
from cordspec.run.harness import asking
from cordspec_mini.models import Mini, MiniOptions
from tests.real.toys import Toys

INSTALLED = find_spec("lm_eval") is not None
with_lm_eval = pytest.mark.skipif(not INSTALLED, reason='needs lm-eval: pip install "cordspec[lm-eval]"')
SPEC = """cord 1
experiment e { seed = 3 }
problems p : inventory { count = 6 }
model adder : mini { name = adder }
eval v : math_answers { model = adder, problems = p, samples = 1, temperature = 0.0, max_tokens = 256tok }
"""
TASK = """task: %s
dataset_path: json
dataset_kwargs:
  data_files:
    test: %s
test_split: test
"""
GENERATED = """output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: { until: [], max_gen_toks: 256, do_sample: false%s }
filter_list:
  - name: said
    filter:
      - { function: regex, regex_pattern: "The final answer is (.*)[.]" }
      - { function: take_first }
metric_list:
  - { metric: exact_match, aggregation: mean, higher_is_better: true }
"""
CHOSEN = """output_type: multiple_choice
doc_to_text: "Question: {{question}}\\n"
doc_to_choice: ["Shelf A holds", " sells 2 hats", "The final answer"]
doc_to_target: 2
metric_list:
  - { metric: acc, aggregation: mean, higher_is_better: true }
"""
ROLLING = """output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}}"
metric_list:
  - { metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false }
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "e.cord").write_text(SPEC)
    made = api.execute(api.load(tmp_path / "e.cord"), tmp_path / "run")
    (problems,) = (made / "stages").glob("problems-p-*/problems.jsonl")
    (tmp_path / "tasks").mkdir()
    parts = {"generated": GENERATED % "", "odd": GENERATED % ", beams: 4", "chosen": CHOSEN, "rolling": ROLLING}
    for name, text in parts.items():
        (tmp_path / "tasks" / f"{name}.yaml").write_text(TASK % (name, problems) + text)
    return made


def found(run: Path, task: str, **more: Any) -> dict[str, Any]:
    made = api.evaluate_tasks(run, [task], include=[str(run.parent / "tasks")], model="adder", **more)
    assert json.loads((run / "lm_eval-adder.json").read_text())["found"] == json.loads(json.dumps(made.found))
    return {"ledger": made.ledger.get("evaluated", {}), "report": api.render_tasks(made).to_markdown(), **made.found}


def likelihood(context: str, continuation: str) -> tuple[float, bool]:
    """The log-probability by plain transformers, and whether each of its tokens is the likeliest one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = Mini(MiniOptions(name="adder")).weights_path()
    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float64)
    whole = tokenizer(context + continuation, return_offsets_mapping=True, add_special_tokens=False)
    first = next(at for at, (_, end) in enumerate(whole["offset_mapping"]) if end > len(context))
    ids = torch.tensor([whole["input_ids"]])
    with torch.inference_mode():
        logprobs = model(ids).logits[0].log_softmax(-1)
    wanted = ids[0, first:]
    before = logprobs[first - 1 : -1]
    return float(before.gather(1, wanted[:, None]).sum()), bool((before.argmax(-1) == wanted).all())


def asked(context: str, continuation: str) -> tuple[float, bool]:
    """The same as lm-eval gets it."""

    async def answer() -> tuple[float, bool]:
        engine = Mini(MiniOptions(name="adder")).open()

        class Access:
            async def score(self, request: Any) -> Any:
                return (await engine.score([request]))[0]

            async def generate(self, request: Any) -> Any:
                return (await engine.generate([request]))[0]

        try:
            (said,) = await asking._Answering(Access(), False, 3, 4).answers(  # type: ignore[arg-type]
                "loglikelihood", [[context, continuation]]
            )
        finally:
            await engine.close()
        assert isinstance(said, tuple)
        return said

    return asyncio.run(answer())


CONTEXT = "Question: Shelf A holds 35 hats and sells 2. How many items are on each shelf?\n"
PAIRS = [
    (CONTEXT, "Shelf A holds"),
    (CONTEXT, "35"),
    (CONTEXT[:60], CONTEXT[60:62]),
    (f"{CONTEXT}### Step 1.", " Shelf"),
    (f"{CONTEXT}### Step 1. 35 -", " 2"),
]


def test_log_likelihoods_are_those_of_transformers() -> None:
    for pair in PAIRS:
        said, wanted = asked(*pair), likelihood(*pair)
        assert said[0] == pytest.approx(wanted[0], abs=1e-4)
        assert said[1] is wanted[1]
    assert {asked(*pair)[1] for pair in PAIRS} == {True, False}, "both are seen"


def test_a_score_of_another_text_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the context is left out but for its end."""
    sound = asking.ScoreRequest
    monkeypatch.setattr(
        asking, "ScoreRequest", lambda prompt, *more: sound((asking.Segment(prompt[0].text[-9:]),), *more)
    )
    assert asked(*PAIRS[0])[0] != pytest.approx(likelihood(*PAIRS[0])[0], abs=1e-4)


def by_hand(run: Path) -> dict[str, tuple[str, bool]]:
    """What the run's own evaluation drew at temperature 0, and whether that is the reference word for word, by problem."""
    (stage,) = (run / "stages").glob("evaluate-v-*")
    (problems,) = (run / "stages").glob("problems-p-*")
    answers = {
        one["id"]: one["answer"] for one in map(json.loads, (problems / "problems.jsonl").read_text().splitlines())
    }
    said = {
        one.problem: one.text.rpartition("</think>")[2]
        for one in read_lines(stage / "predictions.jsonl", PredictionRecord)
    }
    return {name: (text, f"The final answer is {answers[name]}." in text) for name, text in said.items()}


def said_in(made: dict[str, Any]) -> dict[str, str]:
    """What lm-eval was answered, by problem."""
    return {one["doc"]["id"]: one["resps"][0][0] for one in made["samples"]["generated"]}


@with_lm_eval
def test_exact_match_is_what_is_counted_by_hand(run: Path) -> None:
    made = found(run, "generated", chat=True)
    right = by_hand(run)
    assert said_in(made) == {name: text for name, (text, _) in right.items()}, "drawn by another way"
    share = sum(ends_right for _, ends_right in right.values()) / 6
    assert made["results"]["generated"]["exact_match,said"] == pytest.approx(share)
    assert share > 0, "otherwise nothing is seen"
    (row,) = [line for line in made["report"].splitlines() if line.startswith("| generated |")]
    assert row.split(" | ")[2:6] == ["0", "said", "exact_match", f"{share:.4f}"] and row.endswith("| 6 |")


@with_lm_eval
def test_answers_that_are_cut_short_are_found(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: a generation gets fewer tokens than its task says."""
    sound = asking.GenerateRequest
    monkeypatch.setattr(
        asking, "GenerateRequest", lambda prompt, sampling, stop, _, seed: sound(prompt, sampling, stop, 60, seed)
    )
    made = found(run, "generated", chat=True)
    assert said_in(made) != {name: text for name, (text, _) in by_hand(run).items()}
    assert made["results"]["generated"]["exact_match,said"] == 0.0


@with_lm_eval
def test_a_student_is_asked_with_its_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys = Toys(tmp_path / "work")
    monkeypatch.chdir(toys.place)
    api.execute(toys.variants(), toys.out, registry=toys.registry())
    (toys.place / "tasks").mkdir()
    (toys.place / "tasks" / "t.yaml").write_text(TASK % ("generated", toys.place / "held.jsonl") + GENERATED % "")
    made = {
        name: api.evaluate_tasks(
            toys.out, ["generated"], include=["tasks"], model=name, chat=True, registry=toys.registry()
        )
        for name in ("a", "small")
    }
    (weights,) = (toys.out / "stages").glob("train-small-*/model/weights")
    block = toys.variants()[0].experiment.blocks["a"]
    assert block.component is not None
    model: Any = block.component(block.options)
    assert made["a"].identity == model.fingerprint()
    assert made["small"].identity == model.at(weights.parent).fingerprint() != made["a"].identity
    assert made["small"].ledger["evaluated"]["calls"] == 2


@with_lm_eval
def test_answers_are_remembered(run: Path) -> None:
    part = found(run, "generated", chat=True, limit=1)
    assert (part["ledger"]["calls"], part["n-samples"]["generated"]["effective"]) == (1, 1)
    assert "| – | 1 |" in part["report"], "one document has no standard error"
    whole = found(run, "generated", chat=True)
    again = found(run, "generated", chat=True)
    assert again["ledger"]["remembered"] == again["ledger"]["calls"] == 6
    assert whole["ledger"]["remembered"] >= 1
    assert again["results"] == whole["results"]


@with_lm_eval
def test_choices_are_weighed_by_their_log_likelihoods(run: Path) -> None:
    made = found(run, "chosen")
    right = 0
    for row in made["samples"]["chosen"]:
        context = f"Question: {row['doc']['question']}\n"
        choices = ["Shelf A holds", " sells 2 hats", "The final answer"]
        wanted = [likelihood(context, f" {choice}") for choice in choices]  # a blank is lm-eval's `target_delimiter`
        said = [float(one[0]) for one in row["filtered_resps"]]
        assert said == pytest.approx([value for value, _ in wanted], abs=1e-4)
        right += max(range(3), key=lambda at: wanted[at][0]) == 2
    assert made["results"]["chosen"]["acc,none"] == pytest.approx(right / 6)


@with_lm_eval
@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("rolling", "texts with nothing before them are not scored"),
        ("odd", "it asks for beams in `generation_kwargs`"),
        ("nobody", "nobody"),
    ],
)
def test_what_cannot_be_evaluated_is_told(run: Path, task: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        found(run, task)
    (told,) = refused.value.diagnostics
    assert told.code == "E813" and said in told.message
    assert not (run / "lm_eval-adder.json").exists()


@with_lm_eval
def test_lm_eval_is_given_no_key_and_no_network(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDSPEC_SERVICE_X_KEY", "k")
    monkeypatch.setenv("HF_TOKEN", "k")
    held = asking._environment()
    assert "k" not in held.values() and held["HF_HUB_OFFLINE"] == held["HF_DATASETS_OFFLINE"] == "1"
    path = run.parent / "tasks" / "far.yaml"
    path.write_text(
        (run.parent / "tasks" / "chosen.yaml").read_text().replace("dataset_path: json", "dataset_path: some/set")
    )
    path.write_text(path.read_text().replace("task: chosen", "task: far"))
    with pytest.raises(UsageError, match="E813"):
        found(run, "far")


@pytest.mark.skipif(INSTALLED, reason="lm-eval is installed")
def test_without_lm_eval_it_says_what_to_install(run: Path) -> None:
    with pytest.raises(PreflightError) as missing:
        found(run, "generated")
    (told,) = missing.value.diagnostics
    assert told.code == "E601" and told.help == 'pip install "cordspec[lm-eval]"'


def test_a_model_that_is_none_of_the_run_is_told(run: Path) -> None:
    with pytest.raises(UsageError):
        api.evaluate_tasks(run, ["generated"], model="nobody")
