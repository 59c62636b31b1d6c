"""The memory plan of a training against DeepSpeed's own estimator and the published formula of activations."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

import pytest

from cordspec.plugin import ModelFacts, Ref, Room
from cordspec_hf.known_models import KNOWN, facts_of
from cordspec_train.deepspeed_config import Offload
from cordspec_train.deepspeed_sft import DeepSpeedSft, DeepSpeedSftOptions
from cordspec_train.memory import TrainingShape, can_offload, training_memory
from cordspec_train.step_dpo import StepDpo, StepDpoOptions

R1_32B = "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"
EIGHT = Room(8, 80 * 2**30)
B32 = facts_of(R1_32B)
assert B32.parameters and B32.hidden and B32.layers and B32.vocabulary


def plan(stage: int, offload: Offload, processes: int = 8, nodes: int = 1):
    memory = training_memory(B32, EIGHT, TrainingShape(stage, processes, nodes, 20_480, True, False), offload)
    assert memory is not None
    return memory


@pytest.fixture(scope="module")
def deepspeed_says() -> Callable[..., tuple[float, float]]:
    """Bytes of a host and of a GPU, by DeepSpeed's own functions."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as three
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as two

    def ask(stage: int, offload: str, gpus: int, nodes: int) -> tuple[float, float]:
        held = {"cpu_offload": offload != "none"}
        if stage == 2:
            return two(B32.parameters, num_gpus_per_node=gpus, num_nodes=nodes, **held)
        held["cpu_offload_params"] = offload == "parameters"
        largest = B32.vocabulary * B32.hidden
        host, gpu, _ = three(B32.parameters, largest, num_gpus_per_node=gpus, num_nodes=nodes, **held)
        return host, gpu

    return ask


@pytest.mark.parametrize(
    ("stage", "offload"), [(2, "none"), (2, "optimizer"), (3, "none"), (3, "optimizer"), (3, "parameters")]
)
@pytest.mark.parametrize("nodes", [1, 4])
def test_model_states_are_what_deepspeed_says(deepspeed_says, stage: int, offload: Offload, nodes: int) -> None:
    host, gpu = deepspeed_says(stage, offload, 8, nodes)
    layout = plan(stage, offload, 8 * nodes, nodes).chosen
    states = sum(part.bytes for part in layout.parts if part.name not in ("activations", "gradients at the head"))
    assert states == pytest.approx(gpu, rel=0.01) and layout.host_bytes == pytest.approx(host, rel=0.01)


def test_the_papers_student_at_its_length_fits_eight_gpus_with_the_optimizer_on_the_host() -> None:
    """Within 20 % of the formulas written out: DeepSpeed's for states, Korthikanti's for activations, 32-bit head gradients."""
    memory = plan(3, "none")
    weights, layer = 32.8e9, 4 * 152_064 * 5_120
    activations = 20_480 * 5_120 * (2 * 64 + 34)
    head = 4 * (152_064 + 20_480) * 5_120
    assert memory.chosen.gpu_bytes == pytest.approx(18 * weights / 8 + layer + activations + head, rel=0.2)
    assert not memory.fits and memory.would_fit is memory.others[0]
    assert memory.others[0].offload == "optimizer"
    assert memory.others[0].gpu_bytes == pytest.approx(2 * weights / 8 + layer + activations + head, rel=0.2)
    assert memory.others[0].host_bytes == pytest.approx(16 * weights * 1.5, rel=0.2)


def test_what_makes_a_training_larger_or_smaller() -> None:
    def at(**changed: object) -> float:
        shape = {
            "stage": 3,
            "processes": 8,
            "nodes": 1,
            "tokens": 20_480,
            "activation_checkpointing": True,
            "wide": False,
        }
        memory = training_memory(B32, EIGHT, TrainingShape(**{**shape, **changed}), "none")
        assert memory is not None
        return memory.chosen.gpu_bytes

    assert at(tokens=40_960) > at() > at(processes=16)
    assert at(activation_checkpointing=False) > at() + 200e9, "64 layers of 34 s b h"
    assert at(wide=True) > at()
    assert at(adapters=True) == pytest.approx(at() - 16 * 32.8e9 / 8 - 4 * 152_064 * 5_120), "weights alone are left"
    assert at(stage=0) > at(stage=1) > at(stage=2) > at(stage=3)
    assert [can_offload(stage, "parameters") for stage in range(4)] == [False, False, False, True]
    assert [can_offload(stage, "optimizer") for stage in range(4)] == [False, True, True, True]


def test_a_model_of_unknown_shape_is_not_guessed_at() -> None:
    assert training_memory(ModelFacts(7e9), EIGHT, TrainingShape(3, 8, 1, 1, True, False), "none") is None
    assert all(facts_of(name).hidden and facts_of(name).vocabulary for name in KNOWN)


def test_options_decide_what_is_planned() -> None:
    trainer = DeepSpeedSft(DeepSpeedSftOptions(init=R1_32B, data=Ref("decode", "d"), offload="optimizer"))
    memory = trainer.memory(B32, EIGHT)
    assert memory is not None and memory.fits and memory.tokens == 20_480
    assert [one.offload for one in memory.others] == ["parameters"]


def test_the_papers_spec_plans_its_training(cordspec: Callable[..., subprocess.CompletedProcess[str]], root) -> None:
    spec = str(root / "specs" / "hetero_beam4.cord")
    text = cordspec("plan", spec).stdout
    assert "GiB a GPU for sequences of 20,480 tokens" in text and "does not fit into 90% of 80 GiB on 8 GPUs" in text
    assert "with offload = optimizer" in text and "of a host's memory: fits" in text
    plan = json.loads(cordspec("plan", spec, "--format", "json").stdout)
    (stage,) = [one for one in plan["variants"][0]["stages"] if one["kind"] == "train"]
    memory = stage["training_memory"]
    assert (memory["fits"], memory["fits_with_offload"]) == (False, "optimizer")
    assert [one["offload"] for one in memory["layouts"]] == ["none", "optimizer", "parameters"]


def test_preferences_take_a_second_copy_and_both_texts_of_every_pair() -> None:
    """Stage 0 in 32 bits is 16 bytes a weight: the weight, its gradient and two moments."""
    room = Room(1, 80 * 2**30)

    def parts(**options: object) -> dict[str, float]:
        chosen = StepDpoOptions(init=Ref("model", "m"), data=Ref("decode", "d"), **options)
        memory = StepDpo(chosen).memory(B32, room)
        assert memory is not None and not memory.fits and memory.others == ()
        assert memory.tokens == 2 * chosen.batch_size * chosen.max_length
        return {part.name: part.bytes for part in memory.chosen.parts}

    whole = parts(batch_size=4, max_length=1_024)
    assert whole["weights, gradients and AdamW"] == 16 * B32.parameters and whole["the reference"] == 4 * B32.parameters
    adapted = parts(batch_size=4, max_length=1_024, lora_rank=8)
    assert "the reference" not in adapted and adapted["weights, gradients and AdamW"] == 4 * B32.parameters
    assert parts(batch_size=8, max_length=1_024)["activations"] == 2 * whole["activations"]
    assert StepDpo(StepDpoOptions(init=Ref("model", "m"), data=Ref("decode", "d"))).memory(ModelFacts(), room) is None
