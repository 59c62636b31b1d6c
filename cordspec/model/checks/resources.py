"""Whether machines and contexts are large enough, by arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator

from cordspec.diagnostics import Diagnostic, Label
from cordspec.extension.kinds.engine import Model
from cordspec.extension.options import Options
from cordspec.model.experiment import Block, Experiment

USABLE = 0.9
"""Share of a GPU's memory that an engine takes, as vLLM's default."""
BYTES_A_WEIGHT = 2


def stage_models(experiment: Experiment, stage: Block) -> list[Block]:
    """The models that are open during a decode or an evaluation, each once."""
    found: dict[str, Block] = {}
    pending = [ref for _, ref in stage.refs()]
    seen: set[str] = set()
    while pending:
        ref = pending.pop(0)
        block = experiment.blocks[ref.name]
        if ref.name in seen or block.kind in ("decode", "problems"):
            continue
        seen.add(ref.name)
        if block.kind == "model":
            found[block.name] = block
        pending += [inner for _, inner in block.refs()]
    return list(found.values())


def gpus(experiment: Experiment) -> Iterator[Diagnostic]:
    """All models of a stage fit side by side on the declared cluster, and each on its GPUs."""
    cluster = experiment.options.cluster
    if cluster is None:
        return
    told: set[frozenset[str]] = set()
    for stage in (*experiment.of_kind("decode"), *experiment.of_kind("eval")):
        models = stage_models(experiment, stage)
        wanted = {block.name: experiment.model(block).gpus for block in models}
        total = sum(wanted.values())
        if total > cluster.gpus and frozenset(wanted) not in told:
            told.add(frozenset(wanted))
            related = tuple(
                Label(block.span_of("gpus"), f"{wanted[block.name]} for `{block.name}`")
                for block in models
                if wanted[block.name]
            )
            message = f"{stage.kind} `{stage.name}` needs {total} GPUs at a time, the cluster has {cluster.gpus}"
            place = experiment.blocks[experiment.name].span_of("cluster", "gpus")
            yield Diagnostic("E407", message, place, f"at least {total} are needed", related)
    for block in experiment.of_kind("model"):
        yield from _weights_fit(experiment, block, cluster.gpu_memory)


def _weights_fit(experiment: Experiment, block: Block, memory: int) -> Iterator[Diagnostic]:
    model = experiment.model(block)
    size = model.facts().parameters
    if size is None or not model.gpus:
        return
    needed, room = size * BYTES_A_WEIGHT, model.gpus * memory * USABLE
    if needed > room:
        message = f"the weights of `{block.name}` take {needed / 2**30:.0f} GiB"
        message += f", its {model.gpus} GPUs hold {room / 2**30:.0f}"
        at_least = -int(-needed // (memory * USABLE))
        yield Diagnostic("E407", message, block.span_of("gpus"), f"give it at least {at_least}")


def contexts(experiment: Experiment) -> Iterator[Diagnostic]:
    """Budgets and tokens that a spec gives fit into the contexts of those who write.

    A default is no promise: a teacher whose context is full proposes nothing more, which is counted.
    """
    for stage in experiment.of_kind("decode"):
        budget = experiment.decode(stage.name).budget
        given = sum(_unlike_default(budget, part) for part in ("thinking", "answer"))
        pool = experiment.decode(stage.name).pool
        for teacher in dict.fromkeys(experiment.pool(pool.name).teachers):
            yield from _fits(experiment, teacher.name, given, stage, ("budget",))
    for stage in experiment.of_kind("eval"):
        refs = dict(stage.refs())
        tokens = _unlike_default(stage.options, "max_tokens")
        if ("model",) in refs:
            yield from _fits(experiment, refs[("model",)].name, tokens, stage, ("max_tokens",))


def _unlike_default(options: Options, name: str) -> int:
    """The value of a field, 0 where it is the default or there is no such field."""
    field = type(options).model_fields.get(name)
    value = getattr(options, name, 0)
    return 0 if field is None or value == field.default else int(value)


def _fits(experiment: Experiment, name: str, tokens: int, stage: Block, place: tuple[str, ...]) -> Iterator[Diagnostic]:
    model: Model | None = experiment.model_behind_name(name)
    context = model.facts().context if model else None
    if context is not None and tokens >= context:
        message = f"{stage.kind} `{stage.name}` allows {tokens:,} tokens, but the context of `{name}` is {context:,}"
        related = (Label(experiment.blocks[name].span, f"{context:,} tokens, prompt included"),)
        yield Diagnostic("E408", message, stage.span_of(*place), f"stay below {context:,}", related)
