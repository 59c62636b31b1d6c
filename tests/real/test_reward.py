"""Process reward models: rewards agree with plain transformers, whatever the batch; windows; training; a decode under one."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import fmean

import pytest
import torch
from pydantic import ValidationError
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
)

from cordspec import api
from cordspec.plugin import (
    Candidate,
    GenerateRequest,
    Interval,
    InvalidData,
    ProblemView,
    Ref,
    RewardRequest,
    Rewards,
    Sampling,
    Segment,
    Solution,
    Step,
    TrainingExample,
    TrainingJob,
    Trajectory,
    Unavailable,
    prompt_text,
)
from cordspec_hf import reward_engine
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_hf.reward_engine import RewardEngine
from cordspec_hf.reward_model import TransformersReward, TransformersRewardOptions
from cordspec_hf.step_ends import encode_steps
from cordspec_mini.families.drawing import Family, solved, stream
from cordspec_mini.lessons import MiniLessons, MiniLessonsOptions
from cordspec_mini.models import CHECKPOINTS
from cordspec_mini.publish import card
from cordspec_mini.reward_measuring import label_accuracy, ranking
from cordspec_std.scorers.process_reward import ProcessReward, ProcessRewardOptions
from cordspec_train.examples import IGNORED, encode_labelled
from cordspec_train.step_reward import StepReward, StepRewardOptions

PRM = CHECKPOINTS / "prm"
ERRORS = {"add": 0.3, "sub": 0.3, "mul": 0.3}
WIDE = 100_000
FAMILIES: tuple[Family, ...] = ("inventory", "chain_arithmetic")
AGREE = {"float32": 1e-4, "float64": 1e-6}


def opened(weights: Path = PRM, dtype: str = "float64") -> RewardEngine:
    return TransformersReward(TransformersRewardOptions(weights=str(weights), dtype=dtype, device="cpu")).open()


@cache
def plain(weights: Path, dtype: torch.dtype) -> tuple[object, object]:
    model = AutoModelForTokenClassification.from_pretrained(weights, dtype=dtype).eval()
    return model, AutoTokenizer.from_pretrained(weights)


def requests_of(count: int, seed: int, window: int = WIDE) -> list[RewardRequest]:
    """Traces of varied lengths, right and wrong ones, in both families."""
    found = []
    for family in FAMILIES:
        for drawn, rng in islice(stream(family, seed, (2, 8), "unseen"), count // 2):
            steps = solved(drawn, rng, ERRORS).solution.steps
            found.append(RewardRequest(drawn.question, steps[: rng.randint(1, len(steps))], window))
    return found


def naive(model, tokenizer, request: RewardRequest) -> list[float]:
    """The whole text alone in one pass; the probability of label 1 at the token that holds a step's last character."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": request.question}], add_generation_prompt=True, tokenize=False
    )
    ends = []
    text += "<think>"
    for step in request.steps:
        text += step
        ends.append(len(text) - 1)
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    with torch.inference_mode():
        logits = model(torch.tensor([encoded["input_ids"]])).logits[0].double()
    holding = [
        max(at for at, (first, last) in enumerate(encoded["offset_mapping"]) if first <= end < last) for end in ends
    ]
    return [1 / (1 + math.exp(logits[at, 0] - logits[at, 1])) for at in holding]


def ask(engine: RewardEngine, requests: Sequence[RewardRequest]) -> list[Rewards]:
    return list(asyncio.run(engine.reward(requests)))


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    assert len(one) == len(other)
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


# the engine


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rewards_agree_with_plain_transformers(dtype: str) -> None:
    model, tokenizer = plain(PRM, getattr(torch, dtype))
    engine = opened(dtype=dtype)
    requests = requests_of(40, seed=51)
    answers = ask(engine, requests)
    for request, answer in zip(requests, answers, strict=True):
        assert distance(answer.values, naive(model, tokenizer, request)) < AGREE[dtype]
    assert 0.2 < fmean(value for answer in answers for value in answer.values) < 0.9
    assert engine.counters.prefilled == sum(answer.prefilled for answer in answers)
    assert all(answer.prompt_tokens == answer.prefilled > 20 for answer in answers)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rewards_depend_on_neither_order_nor_batch(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = requests_of(40, seed=52)
    together = ask(opened(dtype=dtype), requests)
    monkeypatch.setattr(reward_engine, "MOST_PLACES", 700)
    engine = opened(dtype=dtype)
    for seed in range(2):
        order = random.Random(seed).sample(range(len(requests)), len(requests))
        for first in range(0, len(order), 7):
            some = order[first : first + 7]
            for at, answer in zip(some, ask(engine, [requests[at] for at in some]), strict=True):
                assert distance(answer.values, together[at].values) < AGREE[dtype]
                assert (answer.prompt_tokens, answer.prefilled) == (together[at].prompt_tokens, together[at].prefilled)


@pytest.fixture(scope="module")
def looks_ahead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in which every token sees every other one, so that unmasked padding changes all rewards."""
    path = tmp_path_factory.mktemp("bert")
    tokenizer = AutoTokenizer.from_pretrained(PRM)
    torch.manual_seed(5)
    BertForTokenClassification(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=400, initializer_range=0.5, num_labels=2,
        )
    ).save_pretrained(path)  # fmt: skip
    tokenizer.save_pretrained(path)
    return path


def test_padding_is_masked(looks_ahead: Path) -> None:
    model, tokenizer = plain(looks_ahead, torch.float64)
    requests = requests_of(20, seed=53)
    for request, answer in zip(requests, ask(opened(looks_ahead), requests), strict=True):
        assert distance(answer.values, naive(model, tokenizer, request)) < 1e-9


def test_a_window_takes_the_newest_steps_whole() -> None:
    engine = opened()
    (request,) = (one for one in requests_of(40, seed=54) if len(one.steps) == 8)
    lengths = [engine.count_tokens(step) for step in request.steps]
    for kept in range(9):
        window = sum(lengths[8 - kept :])
        fits = RewardRequest(request.question, request.steps, window + (lengths[7 - kept] - 1 if kept < 8 else 9))
        alone = RewardRequest(request.question, request.steps[8 - kept :], WIDE)
        (shown, wanted) = ask(engine, [fits, alone])
        assert len(shown.values) == kept
        assert distance(shown.values, wanted.values) < 1e-9 if kept else shown == Rewards(())
        assert shown.prompt_tokens == wanted.prompt_tokens


def test_what_is_longer_than_the_context_loses_its_first_steps(looks_ahead: Path) -> None:
    (request,) = (one for one in requests_of(40, seed=54) if len(one.steps) == 8)
    long = RewardRequest(request.question, request.steps * 5, WIDE)
    (answer,) = ask(opened(looks_ahead), [long])
    assert 8 < len(answer.values) < 40 and 370 < answer.prompt_tokens <= 400
    (nothing,) = ask(opened(looks_ahead), [RewardRequest(request.question * 9, request.steps, WIDE)])
    assert nothing == Rewards(())


@pytest.mark.item("S27")
def test_a_step_cannot_speak_in_special_tokens() -> None:
    tokenizer = AutoTokenizer.from_pretrained(PRM)
    encoder = PromptEncoder(tokenizer)
    opening = chat_opening(tokenizer, "How many <think> pens?")
    steps = ("\n### Step 1. </think>\n<|end|>", "\n### Step 2. <think> 3.")
    encoded = encode_steps(encoder, opening, steps, window=WIDE, context=WIDE)
    special = [token for token in encoded.ids if token in tokenizer.all_special_ids or token in added(tokenizer)]
    assert special == [tokenizer.convert_tokens_to_ids("<think>")]
    assert tokenizer.decode(encoded.ids) == prompt_text(opening) + "<think>" + "".join(steps)
    assert len(ask(opened(), [RewardRequest("How many <think> pens?", steps, WIDE)])[0].values) == 2


def added(tokenizer) -> set[int]:
    return set(tokenizer.get_added_vocab().values())


def test_a_token_that_straddles_two_steps_ends_the_first() -> None:
    """As in the vocabularies of Qwen, where a period and the line break after it are one token."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[^\s\w]+\n*|\w+|\s"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    steps = ("\n### Step 1. a.", "\n### Step 2. b é.", "\n### Step 3. c.")
    special = [AddedToken("<think>", special=True, normalized=False)]
    backend.train_from_iterator(
        ["".join(steps)] * 9,
        trainers.BpeTrainer(
            special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    encoder = PromptEncoder(PreTrainedTokenizerFast(tokenizer_object=backend))
    encoded = encode_steps(encoder, (Segment("Q: "),), steps, window=WIDE, context=WIDE)
    assert [backend.decode([encoded.ids[end]]) for end in encoded.ends] == [".\n", ".\n", "."]
    of_two = len(encoded.ids) - 1 - encoded.ends[0] + 1
    assert len(encode_steps(encoder, (Segment("Q: "),), steps, window=of_two, context=WIDE).ends) == 2
    assert len(encode_steps(encoder, (Segment("Q: "),), steps, window=of_two - 1, context=WIDE).ends) == 1


def test_models_that_are_no_process_reward_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"no process reward model: it has no weights score\."):
        opened(CHECKPOINTS / "prover")
    AutoTokenizer.from_pretrained(PRM).save_pretrained(tmp_path)
    AutoModelForTokenClassification.from_pretrained(PRM, num_labels=3, ignore_mismatched_sizes=True).save_pretrained(
        tmp_path
    )
    with pytest.raises(Unavailable, match="has 3 labels"):
        opened(tmp_path)
    with pytest.raises(Unavailable, match="holds no config"):
        opened(tmp_path / "nothing")
    with pytest.raises(Unavailable, match="only rewards steps"):
        asyncio.run(opened().generate([GenerateRequest((Segment("x"),), Sampling(), (), 1, 0)]))


# the scorer


class Access:
    """A scorer's way to the real engine, without journal and ledger; a context as well."""

    def __init__(self) -> None:
        self.opened = opened()
        self.asked: list[RewardRequest] = []

    def engine(self, ref: Ref, role: str = "prover") -> Access:
        assert role == "reward"
        return self

    async def reward(self, request: RewardRequest) -> Rewards:
        self.asked.append(request)
        return (await self.opened.reward([request]))[0]


def candidate(request: RewardRequest) -> Candidate:
    steps = tuple(Step(text, ("t",), 9) for text in request.steps)
    return Candidate(ProblemView("p", request.question), Trajectory(steps), 9)


def scores(requests: Sequence[RewardRequest], **options: object) -> list:
    scorer = ProcessReward(ProcessRewardOptions(model=Ref("model", "prm"), **options), Access())
    return list(asyncio.run(scorer.score([candidate(request) for request in requests])))


def test_rewards_of_the_window_become_one_score() -> None:
    requests = requests_of(20, seed=55, window=60)
    each = [answer.values for answer in ask(opened(), requests)]
    assert {len(values) for values in each} >= {1, 2, 3}
    wanted = {
        "last": [values[-1] for values in each],
        "min": [sorted(values)[0] for values in each],
        "mean": [sum(values) / len(values) for values in each],
        "product": [math.exp(sum(math.log(value) for value in values)) for values in each],
    }
    for aggregate, values in wanted.items():
        found = scores(requests, aggregate=aggregate, window=60)
        assert distance([score.value for score in found], values) < 1e-8
        assert all(score.valid for score in found)
    assert [s.value for s in scores(requests, window=60)] == [
        s.value for s in scores(requests, window=60, aggregate="last")
    ]
    assert not ProcessReward.needs_answer and not ProcessReward.absent


def test_a_candidate_without_a_rewarded_step_has_no_score() -> None:
    request = requests_of(2, seed=56)[0]
    assert not scores([RewardRequest(request.question, (), WIDE)])[0].valid
    assert not scores([request], window=3)[0].valid


# training


def lessons(count: int) -> list[TrainingExample]:
    options = MiniLessonsOptions(inventory=count // 2, chains=count // 2, seed=7, add=0.3, sub=0.3, mul=0.3)
    return [TrainingExample(one.question, one.solution) for one in MiniLessons(options).load()]


def test_a_step_that_carries_an_error_on_is_labelled_wrong() -> None:
    carried = 0
    for example in lessons(400):
        steps, labels = example.solution.steps, example.solution.labels
        assert "".join(steps) == example.solution.thinking and len(steps) == len(labels)
        chain = "Shelf" not in example.question
        value = int(example.question.split()[2]) if chain else 0
        for step, label in zip(steps, labels, strict=True):
            left, result = step.rsplit(". ", 1)[1].split(": ")[-1].removesuffix(".").split(" = ")
            if not chain:
                assert label == (eval(left) == int(result))
                continue
            first, operation = left.split(" ", 1)
            goes_on = int(first) == value
            value = eval(f"{value} {operation}")
            assert label == (goes_on and int(result) == value)
            carried += not goes_on and eval(left) == int(result)
    assert carried > 100


def test_first_lessons_are_short_and_far_off() -> None:
    options = MiniLessonsOptions(
        inventory=300, chains=0, seed=7, add=1, sub=1, mul=1, length=Interval(1.0, 2.0), slips="far"
    )
    steps = [step for one in MiniLessons(options).load() for step in one.solution.steps]
    off = {eval(step.split(": ")[1].removesuffix(".").replace("=", "-")) for step in steps}
    assert 0 not in off and len(off) > 60 and max(map(abs, off)) == 50
    assert 300 < len(steps) < 600
    for length in (Interval(0.0, 2.0), Interval(1.0, 9.0), Interval(3.0, 2.0), Interval(1.5, 2.0)):
        with pytest.raises(ValidationError, match="a range of whole numbers in 1"):
            MiniLessonsOptions(inventory=1, chains=0, seed=7, length=length)


def test_labels_stand_at_the_last_token_of_every_step() -> None:
    tokenizer = AutoTokenizer.from_pretrained(PRM)
    encoder = PromptEncoder(tokenizer)
    for one in lessons(20):
        opening = chat_opening(tokenizer, one.question)
        example = encode_labelled(encoder, opening, one.solution)
        places = [at for at, label in enumerate(example.labels) if label != IGNORED]
        assert [float(example.labels[at]) for at in places] == list(one.solution.labels)
        shown = [tokenizer.decode(example.input_ids[: at + 1]) for at in places]
        before = prompt_text(opening) + "<think>"
        assert shown == [before + "".join(one.solution.steps[: n + 1]) for n in range(len(places))]


def train(tmp_path: Path, examples: Sequence[TrainingExample], **options: object) -> tuple[Path, object]:
    trainer = StepReward(StepRewardOptions(init=Ref("model", "m"), data=Ref("problems", "p"), **options))
    out = tmp_path / "stage" / "model"
    out.parent.mkdir(parents=True)
    job = TrainingJob(CHECKPOINTS / "adder", examples, out, tmp_path / "work", 3, lambda _: None)
    job.work.mkdir()
    return out, trainer.train(job)


def test_a_reward_model_learns_is_saved_and_repeats(tmp_path: Path) -> None:
    examples = lessons(16)
    out, outcome = train(tmp_path / "a", examples, epochs=40, batch_size=8, lr=3e-3)
    again, _ = train(tmp_path / "b", examples, epochs=40, batch_size=8, lr=3e-3)
    assert (out / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()
    assert outcome.tokens == 40 * sum(len(one.solution.steps) for one in examples)
    engine = opened(out)
    answers = ask(engine, [RewardRequest(one.question, one.solution.steps, WIDE) for one in examples])
    sides = [
        (value > 0.5) == (label > 0.5)
        for one, answer in zip(examples, answers, strict=True)
        for label, value in zip(one.solution.labels, answer.values, strict=True)
    ]
    assert fmean(sides) > 0.95, "it does not even know its own lessons"


def test_examples_that_cannot_be_learnt_from_are_refused(tmp_path: Path) -> None:
    bare = Solution("\n### Step 1. 1 + 1 = 2.", "\n\nThe final answer is 2.")
    step = (bare.thinking,)
    for solution, said in [
        (bare, "no worked solution has a label"),
        (Solution(bare.thinking, bare.answer, step, (0.5,)), "neither 0 nor 1"),
        (Solution(bare.thinking, bare.answer, step, (1.0, 0.0)), "1 steps have 2 labels"),
    ]:
        with pytest.raises(InvalidData, match=said):
            train(tmp_path / said[:5], [TrainingExample("q", solution)], epochs=1)
    with pytest.raises(InvalidData, match="longer than 20 tokens"):
        train(tmp_path / "long", lessons(4), max_length=20)


# the committed model


def measured() -> dict[str, dict]:
    return json.loads((PRM / "card.json").read_text())


def test_right_steps_are_told_from_slips_better_than_by_chance() -> None:
    """A weak reward model, as its card says: right in two pairs of three and not in nine of ten, which had been hoped for."""
    for rate in measured()["inventory"]["ranking"]:
        error = (rate["value"] * (1 - rate["value"]) / rate["n"]) ** 0.5
        assert rate["value"] > 0.5 + 2 * error
    for family in ("inventory", "chain_arithmetic"):
        found = ranking(opened(), family, 60, seed=4_713)
        pairs = sum(rate.n for rate in found)
        assert sum(rate.value * rate.n for rate in found) / pairs > 0.5 + 2 * (0.25 / pairs) ** 0.5, found
    labels = label_accuracy(opened(), "inventory", 60, seed=4_713)
    assert sum(rate.value * rate.n for rate in labels) / sum(rate.n for rate in labels) > 0.8


def test_the_checkpoint_is_small_and_its_card_is_rendered() -> None:
    assert (PRM / "README.md").read_text() == card("prm", PRM)
    assert (PRM / "model.safetensors").stat().st_size <= 1_500_000
    assert type(plain(PRM, torch.float64)[0]).__name__ == "LlamaForTokenClassification"


# a decode

DECODE = """cord 1
experiment rewarded {{ seed = 5, in_flight = {in_flight} }}
problems p : inventory {{ count = 4, seed = 3, length = 3..4 }}
model adder      : mini {{ name = adder }}
model multiplier : mini {{ name = multiplier }}
model prm        : mini_reward {{}}
pool hetero {{ teachers = [adder, multiplier], temperature = 0.8 }}
segmenter steps : step_header {{ max_step = 48tok }}
scorer reward : process_reward {{ model = prm }}
search beam3 : beam {{ size = 3 }}
decode traces {{
  problems = p, pool = hetero, segmenter = steps, scorer = reward, search = beam3
  budget = {{ thinking = 300tok, answer = 48tok }}
}}
"""


def decoded(tmp_path: Path, in_flight: int) -> dict[str, list[dict]]:
    path = tmp_path / f"rewarded{in_flight}.cord"
    path.write_text(DECODE.format(in_flight=in_flight))
    run = api.execute(api.load(path), tmp_path / f"run{in_flight}")
    (stage,) = (run / "stages").glob("decode-traces-*")
    rows = {
        name: [json.loads(line) for line in (stage / f"{name}.jsonl").read_text().splitlines()]
        for name in ("traces", "candidates")
    }
    return {**rows, "ledger": [json.loads((stage / "ledger.json").read_text())]}


def test_a_decode_under_a_reward_model_runs_and_repeats(tmp_path: Path) -> None:
    found = decoded(tmp_path, 8)
    assert found["candidates"] == decoded(tmp_path, 1)["candidates"]
    model, tokenizer = plain(PRM, torch.float64)
    assert len(found["traces"]) == 4
    for trace in found["traces"]:
        steps = tuple(step["text"] for step in trace["steps"])
        wanted = naive(model, tokenizer, RewardRequest(trace["question"], steps, WIDE))
        assert trace["score"] == pytest.approx(wanted[-1], abs=1e-5)
    assert {row["fate"] for row in found["candidates"]} >= {"kept", "dropped"}
    (ledger,) = found["ledger"]
    assert ledger["reward"]["calls"] > 10 and "prover" not in ledger, sorted(ledger)
