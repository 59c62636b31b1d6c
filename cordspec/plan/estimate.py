"""The costs of every stage of an experiment before it is run: calls, tokens by role, resident states, hours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cordspec.domain.facts import ModelFacts
from cordspec.domain.memory import Room, TrainingMemory
from cordspec.extension.kinds.evaluator import Evaluator
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.extension.kinds.trainer import Trainer
from cordspec.model import Block, Experiment
from cordspec.plan import machine
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.effort import ModelEffort, Pool, decode_effort
from cordspec.plan.graph import Graph, Stage

Count = Callable[[Block], int | None]
"""How many problems a block stands for; None where that cannot be said here."""


@dataclass(frozen=True, slots=True)
class StageCost:
    """One stage: its problems or examples, the effort of each model over all of them, and hours where known.

    ``note`` says why something is not estimated.
    """

    stage: Stage
    items: int | None
    efforts: tuple[ModelEffort, ...] = ()
    kv_bytes: float | None = None
    """States that one problem holds at its end on all engines, in bytes, at most."""
    hours: float | None = None
    note: str = ""
    assumed: Assumptions | None = None
    """What was assumed, within what the decode allows."""
    memory: TrainingMemory | None = None
    """What a training takes of each GPU."""


class Estimator:
    """Estimates the stages of one experiment."""

    def __init__(self, experiment: Experiment, count: Count, assumed: Assumptions, gpu: machine.Gpu) -> None:
        self._experiment = experiment
        self._count = count
        self._assumed = assumed
        self._gpu = gpu

    def stages(self, graph: Graph) -> list[StageCost]:
        """The cost of each stage of a graph."""
        return [self._stage(stage) for stage in graph.stages]

    def assumed_for(self, decode: str) -> Assumptions:
        """The assumptions within what a decode allows."""
        options = self._experiment.decode(decode)
        block = self._experiment.blocks[options.segmenter.name]
        assert block.component is not None and issubclass(block.component, Segmenter)
        return self._assumed.within(options.budget, block.component(block.options).max_step)

    def _stage(self, stage: Stage) -> StageCost:
        block = self._experiment.blocks[stage.block]
        match stage.kind:
            case "problems":
                return StageCost(stage, self._count(block))
            case "decode":
                return self._decode(stage)
            case "train":
                return self._train(stage, block)
            case "evaluate":
                return self._evaluate(stage, block)

    def _decode(self, stage: Stage) -> StageCost:
        options = self._experiment.decode(stage.block)
        items = self._count(self._experiment.blocks[options.problems.name])
        assumed = self.assumed_for(stage.block)
        pool = self._experiment.pool(options.pool.name)
        weights = pool.weights or (1,) * len(pool.members)
        teachers = tuple(
            ref.name for (ref, _), weight in zip(pool.members, weights, strict=True) for _ in range(weight)
        )
        search, scorer = self._experiment.blocks[options.search.name], self._experiment.blocks[options.scorer.name]
        assert search.component is not None and issubclass(search.component, Search)
        assert scorer.component is not None and issubclass(scorer.component, Scorer)
        waves = search.component(search.options).waves(assumed.steps, len(teachers))
        if waves is None:
            return StageCost(stage, items, note=f"how much `{search.name}` asks for is known when it runs")
        provers = tuple(ref.name for _, ref in scorer.refs() if ref.kind == "model")
        score = scorer.component.effort(scorer.options, assumed.reference_tokens)
        each = decode_effort(waves, Pool(teachers, provers), score, assumed)
        writers = [ref.name for _, ref in search.refs() if ref.kind == "model"]
        each += [_writer(name, waves[0].proposals, assumed) for name in writers]
        kv_bytes = self._kv(each)
        return StageCost(
            stage, items, _times(each, items), kv_bytes, self._hours(each, items, assumed), self._why(each), assumed
        )

    def _train(self, stage: Stage, block: Block) -> StageCost:
        assert block.component is not None and issubclass(block.component, Trainer)
        if block.component.wants == "pairs":
            memory = self._training_memory(block, self._student_facts(block))
            note = "how many pairs a decode gives is known when it has run"
            return StageCost(stage, None, note=note, memory=memory)
        data = dict(block.refs())[("data",)]
        decode = self._experiment.decode(data.name) if data.kind == "decode" else None
        source = decode.problems if decode else data
        items = self._count(self._experiment.blocks[source.name])
        assumed = self.assumed_for(data.name) if decode else self._assumed
        example = assumed.prompt_tokens + assumed.trace_tokens + assumed.answer_tokens
        epochs = getattr(block.options, "epochs", 1)
        if items is None:
            return StageCost(stage, None, note="the number of examples is not known here")
        tokens = float(items) * example * epochs
        cluster = self._experiment.options.cluster
        facts = self._student_facts(block)
        seconds = machine.training_seconds(tokens, facts, cluster.gpus, self._gpu) if cluster else None
        effort = ModelEffort(block.name, "training", items * epochs, 0.0, tokens, 0.0, 0.0, 0.0)
        note = "" if seconds else "hours need a `cluster` and the size of the model"
        memory = self._training_memory(block, facts)
        return StageCost(stage, items, (effort,), None, seconds / 3600 if seconds else None, note, memory=memory)

    def _training_memory(self, block: Block, facts: ModelFacts) -> TrainingMemory | None:
        cluster = self._experiment.options.cluster
        if cluster is None:
            return None
        assert block.component is not None and issubclass(block.component, Trainer)
        return block.component(block.options).memory(facts, Room(cluster.gpus, cluster.gpu_memory))

    def _evaluate(self, stage: Stage, block: Block) -> StageCost:
        refs = dict(block.refs())
        items = self._count(self._experiment.blocks[refs[("problems",)].name])
        assert block.component is not None and issubclass(block.component, Evaluator)
        samples = block.component(block.options).samples
        longest = getattr(block.options, "max_tokens", self._assumed.trace_tokens)
        written = min(longest, self._assumed.trace_tokens + self._assumed.answer_tokens)
        name = refs[("model",)].name
        prompt = float(self._assumed.prompt_tokens)
        each = [
            ModelEffort(name, "evaluated", samples, samples * written, 0.0, samples * prompt, prompt, prompt + written)
        ]
        if ("judge",) in refs:
            each.append(_judge(refs[("judge",)].name, samples, self._assumed))
        hours = self._hours(each, items, self._assumed)
        return StageCost(stage, items, _times(each, items), self._kv(each), hours, self._why(each))

    def _student_facts(self, block: Block) -> ModelFacts:
        model = self._experiment.model_behind_name(block.name)
        assert block.component is not None and issubclass(block.component, Trainer)
        return model.facts() if model else block.component(block.options).facts()

    def _facts(self, name: str) -> tuple[ModelFacts, int]:
        """Sizes and GPUs of a model or student; a student is served on the GPUs of the whole cluster."""
        block = self._experiment.blocks[name]
        cluster = self._experiment.options.cluster
        if block.kind == "student":
            return self._student_facts(block), cluster.gpus if cluster else 0
        model = self._experiment.model(block)
        return model.facts(), model.gpus

    def _kv(self, each: list[ModelEffort]) -> float | None:
        total = 0.0
        for effort in each:
            facts, _ = self._facts(effort.model)
            if effort.resident and facts.kv_bytes is None:
                return None
            total += effort.resident * (facts.kv_bytes or 0)
        return total

    def _why(self, each: list[ModelEffort]) -> str:
        if self._experiment.options.cluster is None:
            return "hours need a `cluster` in the experiment block"
        unknown = sorted({one.model for one in each if self._facts(one.model)[0].parameters is None})
        idle = sorted({one.model for one in each if not self._facts(one.model)[1]} - set(unknown))
        told = [f"the size of {', '.join(unknown)} is not known"] if unknown else []
        told += [f"{', '.join(idle)} runs on no GPU"] if idle else []
        return "; ".join(told)

    def _hours(self, each: list[ModelEffort], items: int | None, assumed: Assumptions) -> float | None:
        """Engines work side by side; the busiest one decides."""
        cluster = self._experiment.options.cluster
        if items is None or cluster is None or self._why(each):
            return None
        busy: dict[str, float] = {}
        for effort in each:
            facts, gpus = self._facts(effort.model)
            room = machine.resident_tokens(facts, gpus, cluster.gpu_memory, self._gpu) or 0.0
            context = assumed.prompt_tokens + assumed.trace_tokens / 2
            seconds = machine.generation_seconds(effort.generated, context, room, facts, gpus, self._gpu)
            seconds += machine.prefill_seconds(effort.prefilled, facts, gpus, self._gpu)
            busy[effort.model] = busy.get(effort.model, 0.0) + seconds
        return max(busy.values()) * items / 3600


def _writer(name: str, traces: int, assumed: Assumptions) -> ModelEffort:
    """A model that reads all traces of a problem and writes one."""
    read = assumed.prompt_tokens + traces * assumed.trace_tokens
    return ModelEffort(name, "integrator", 1, assumed.trace_tokens, 0.0, read, read, 0.0)


def _judge(name: str, samples: int, assumed: Assumptions) -> ModelEffort:
    """A model that reads question, reference and answer of every draw, and says what it finds."""
    read = samples * float(assumed.prompt_tokens + assumed.reference_tokens + assumed.answer_tokens)
    return ModelEffort(name, "judge", samples, samples * float(assumed.answer_tokens), 0.0, read, read, 0.0)


def _times(each: list[ModelEffort], items: int | None) -> tuple[ModelEffort, ...]:
    """The effort of all problems; what is resident stays that of one."""
    n = items or 0
    return tuple(
        ModelEffort(
            one.model, one.role, one.calls * n, one.generated * n, one.scored * n, one.prefilled_naive * n,
            one.prefilled * n, one.resident,
        )
        for one in each
    ) if items is not None else ()  # fmt: skip
