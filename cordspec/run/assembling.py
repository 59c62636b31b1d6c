"""A decode's driver, put together from the blocks that it names."""

from __future__ import annotations

from cordspec.domain.inference import Sampling
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.model.blocks import PoolOptions
from cordspec.run.attendance import Attendance
from cordspec.run.driver import Driver, OnWave
from cordspec.run.integrating import Integrator
from cordspec.run.ledger import Ledger
from cordspec.run.teachers import Pool, Teacher
from cordspec.run.workshop import StageContext, Workshop, component_errors


def assemble(shop: Workshop, decode: str, ledger: Ledger, on_wave: OnWave) -> tuple[Driver, StageContext]:
    """The driver of a decode block, and the context of its scorer, which is closed when the decode is over."""
    experiment = shop.experiment
    options = experiment.decode(decode)
    blocks = {kind: experiment.blocks[getattr(options, kind).name] for kind in ("segmenter", "scorer", "search")}
    segmenter_type, scorer_type, search_type = (blocks[kind].component for kind in blocks)
    assert segmenter_type is not None and issubclass(segmenter_type, Segmenter)
    assert scorer_type is not None and issubclass(scorer_type, Scorer)
    assert search_type is not None and issubclass(search_type, Search)
    with component_errors(blocks["segmenter"]):
        segmenter = segmenter_type(blocks["segmenter"].options)
    context = StageContext(shop, ledger, blocks["scorer"])
    with component_errors(blocks["scorer"]):
        scorer = scorer_type(blocks["scorer"].options, context)
    with component_errors(blocks["search"]):
        search = search_type(blocks["search"].options)
    teaching = experiment.pool(options.pool.name)
    attendance = Attendance(teaching.absence, teaching.patience, shop.models.journal)
    seed = experiment.options.seed
    pool = Pool(teachers(shop, teaching, ledger), segmenter, options.budget, seed, attendance, teaching.weights or ())
    integrator = None
    if search.integrator is not None:
        name = search.integrator.name
        engine = shop.models.view(name, "integrator", ledger)
        integrator = Integrator(name, engine, segmenter, options.budget, seed)
    waits = bool(shop.served(blocks["scorer"]))
    driver = Driver(pool, scorer, blocks["scorer"], search, on_wave, integrator, guesses=options.speculate, waits=waits)
    return driver, context


def teachers(shop: Workshop, pool: PoolOptions, ledger: Ledger) -> tuple[Teacher, ...]:
    """The teachers of a pool with their temperatures; a label is the model's name, with ``@T`` where that is not unique."""
    names = [ref.name for ref, _ in pool.members]
    found: list[Teacher] = []
    for (_, temperature), name in zip(pool.members, names, strict=True):
        label = name if names.count(name) == 1 else f"{name}@{temperature:g}"
        repeated = sum(teacher.label.split("#")[0] == label for teacher in found)
        label = f"{label}#{repeated + 1}" if repeated else label
        engine = shop.models.view(name, "teacher", ledger)
        found.append(Teacher(label, engine, Sampling(temperature, pool.top_p, pool.top_k)))
    return tuple(found)
