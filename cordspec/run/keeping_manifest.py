"""Keeps the manifest of one variant true while it is run."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata

from cordspec.artifacts.manifest import Manifest, ProblemCount, StageEntry
from cordspec.journal.history import asked_again
from cordspec.model.plain import describe
from cordspec.plan import Stage
from cordspec.run.changes import plugins
from cordspec.run.tally import read_count
from cordspec.run.workshop import Engines, Workshop

VERSIONS = ("cordspec", "torch", "transformers", "tokenizers", "trl", "numpy")


class ManifestKeeper:
    """What is finished, what is begun, what became of every problem.

    Args:
        kept: the stages that are there already.
        limit: only so many problems of each set.
        name: the file.
    """

    def __init__(
        self, shop: Workshop, kept: Iterable[StageEntry], limit: int | None, engines: Engines, name: str
    ) -> None:
        self._shop = shop
        self._limit = limit
        self._engines = engines
        self._name = name
        self._finished = {entry.block: entry for entry in kept}
        self._begun: StageEntry | None = None
        self._counted: dict[str, ProblemCount] = {}

    def begin(self, stage: Stage) -> None:
        """A stage is about to be made; what it is made of is on disk before anything is asked for it."""
        self._begun = entry_of(self._shop, stage)
        self.write()

    def finish(self, entry: StageEntry) -> None:
        """A stage is there."""
        self._finished[entry.block] = entry
        self._begun = None
        if entry.kind == "decode":
            problems = self._shop.problems[self._shop.experiment.decode(entry.block).problems.name]
            self._counted[entry.block] = read_count(self._shop.directory.stage(entry.id), len(problems))
        self.write()

    def write(self) -> None:
        shop = self._shop
        experiment = shop.experiment
        block = experiment.blocks[experiment.name]
        manifest = Manifest(
            experiment=experiment.name,
            doc=block.doc,
            seed=experiment.options.seed,
            sets=list(experiment.sets),
            limit=self._limit,
            versions=_versions(),
            blocks={block.name: describe(block) for block in experiment.blocks.values()},
            stages=[self._finished[stage.block] for stage in shop.graph.stages if stage.block in self._finished],
            engine=asdict(self._engines.counters),
            attempts=self._engines.journal.attempt,
            asked_again=asked_again(self._engines.journal),
            missing=self._engines.journal.missing,
            problems={stage.block: self._count(stage) for stage in shop.graph.stages if stage.kind == "decode"},
            begun=self._begun,
        )
        shop.directory.write(self._name, manifest.to_json())

    def _count(self, stage: Stage) -> ProblemCount:
        """The numbers of a decode: finished, at work, or not begun."""
        if stage.block in self._counted:
            return self._counted[stage.block]
        if stage.block in self._shop.tallies:
            return self._shop.tallies[stage.block].count()
        problems = len(self._shop.problems[self._shop.experiment.decode(stage.block).problems.name])
        return ProblemCount(problems, 0, {}, 0, problems)


def entry_of(shop: Workshop, stage: Stage) -> StageEntry:
    """The entry of a stage that is not made yet."""
    makeup = shop.graph.makeups[stage.block]
    return StageEntry(
        stage.kind, stage.block, stage.id, stage.fingerprint, 0.0, "", makeup.as_dict(), plugins(makeup, shop.registry)
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
