"""What the models and problem sets of a run are, each looked up once, however many variants name it."""

from __future__ import annotations

from cordspec.domain.problem import Problem
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.model import Block
from cordspec.run.stages import problems as problem_stage
from cordspec.run.stages.problems import ProblemSet
from cordspec.run.workshop import model_fingerprint

Key = tuple[object, str]


class Identities:
    """Content hashes of models and problem sets, by what their blocks say.

    Args:
        limit: only so many problems of each set.
        fetch: problem sets that are not on this machine are brought here.
    """

    def __init__(self, limit: int | None, *, fetch: bool = False) -> None:
        self.limit = limit
        self._fetch = fetch
        self._hashes: dict[Key, str] = {}
        self._loaded: dict[Key, ProblemSet] = {}

    def of(self, block: Block) -> str:
        """The content hash of what a block stands for.

        Raises:
            SpecError: a problem set is wrong.
            PreflightError: data or weights are not here.
        """
        key = _key(block)
        if key not in self._hashes:
            is_data = block.component is not None and issubclass(block.component, ProblemSource)
            self._hashes[key] = (
                problem_stage.content_hash(self.problems(block)) if is_data else model_fingerprint(block)
            )
        return self._hashes[key]

    def problems(self, block: Block) -> tuple[Problem, ...]:
        """The problems of a block; raises as `of`."""
        return self.loaded(block).problems

    def loaded(self, block: Block) -> ProblemSet:
        """The problem set of a block, with what is said of it; raises as `of`."""
        key = _key(block)
        if key not in self._loaded:
            if self._fetch:
                problem_stage.fetch(block)
            self._loaded[key] = problem_stage.load(block, self.limit)
        return self._loaded[key]


def _key(block: Block) -> Key:
    return block.component, block.options.model_dump_json()
