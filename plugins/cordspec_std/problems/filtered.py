"""`filtered`: the problems of a finished run that its models got wrong, and thought about for long.

So the paper made its PubMedQA set: all of three samples of a small model wrong, and reasoning of more than 1,000 tokens.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

from pydantic import Field

from cordspec.plugin import Component, InvalidData, Options, Problem, ProblemSource, Tokens, Unavailable, hookimpl


class FilteredOptions(Options):
    """Options of `problems NAME : filtered { ... }`."""

    run: str = Field(description="the directory of the finished run, relative to the one in which cordspec runs")
    evals: tuple[str, ...] = Field(
        min_length=1, description="its evaluations, all over the same problems; one in which a problem passes is enough"
    )
    wrong: int = Field(
        3, ge=1, description="samples that an evaluation must hold of a problem, every one of them wrong"
    )
    longer: Tokens = Field(1_000, ge=0, description="the mean length of those samples must be above this")
    rows: int = Field(0, ge=0, description="how many problems it must hold; 0 for any number")
    limit: int = Field(0, ge=0, description="take only so many problems; 0 for all")


class Filtered(ProblemSource[FilteredOptions]):
    """Reads the predictions in a run directory. What it yields is known by its content, not by the run."""

    name: ClassVar[str] = "filtered"

    def load(self) -> Iterator[Problem]:
        stages = self._stages()
        asked: str | None = None
        hard: set[str] = set()
        for name in self.options.evals:
            if name not in stages["evaluate"]:
                known = ", ".join(stages["evaluate"]) or "none"
                raise InvalidData(f"{self.options.run} has no finished evaluation `{name}`", f"it has {known}")
            block, directory = stages["evaluate"][name]
            if asked not in (None, block["options"]["problems"]):
                raise InvalidData(
                    "these evaluations are over different problems", "name evaluations of one problem set"
                )
            asked = str(block["options"]["problems"])
            hard |= self._hard(directory, name)
        _, directory = stages["problems"][str(asked)]
        kept = [row for row in _rows(directory / "problems.jsonl") if row["id"] in hard]
        if self.options.rows not in (0, len(kept)):
            message = f"{len(kept)} problems of {self.options.run} pass, {self.options.rows} were expected"
            raise InvalidData(message, "see `rows`, `wrong` and `longer`")
        for row in islice(kept, self.options.limit or None):
            yield Problem(row["question"], row["answer"], marking=row.get("marking", ""))

    def _hard(self, directory: Path, name: str) -> set[str]:
        """The problems of which every sample is wrong and the samples are long."""
        samples: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in _rows(directory / "predictions.jsonl"):
            samples[row["problem"]].append(row)
        fewest = min(map(len, samples.values()), default=0)
        if fewest < self.options.wrong:
            message = f"`{name}` has {fewest} samples of a problem, {self.options.wrong} are needed"
            raise InvalidData(message, f"evaluate with `samples = {self.options.wrong}`")
        return {
            problem
            for problem, drawn in samples.items()
            if not any(one["correct"] for one in drawn) and fmean(one["tokens"] for one in drawn) > self.options.longer
        }

    def _stages(self) -> dict[str, dict[str, tuple[dict[str, Any], Path]]]:
        """Blocks and directories of the finished problem sets and evaluations, by name."""
        run = Path(self.options.run)
        try:
            manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        except OSError as error:
            help = "give the directory that `cordspec run` wrote; a sweep has several, and none is taken for you"
            raise Unavailable(f"there is no finished run in {run}", help) from error
        except ValueError as error:
            raise InvalidData(f"{run / 'manifest.json'} is damaged", "give the same `cordspec run` again") from error
        found: dict[str, dict[str, tuple[dict[str, Any], Path]]] = {"problems": {}, "evaluate": {}}
        for stage in manifest["stages"]:
            if stage["kind"] in found:
                block = manifest["blocks"][stage["block"]]
                found[stage["kind"]][stage["block"]] = block, run / "stages" / stage["id"]
        return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {(error.strerror or 'unreadable').lower()}") from error
    except ValueError as error:
        raise InvalidData(f"{path} is damaged", "give the same `cordspec run` again") from error


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Filtered
