"""What the stages of one run share: components, models behind the journal, finished artifacts, a listener."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import astuple, dataclass, field

from cordspec.artifacts.store import RunDirectory, is_disk_error
from cordspec.diagnostics import Diagnostic
from cordspec.domain.inference import Role
from cordspec.domain.problem import Problem
from cordspec.errors import CordspecError, IncompleteError, PolicyError, PreflightError, SpecError, StageError
from cordspec.extension.component import EngineAccess, Failed, InvalidData, Refused, Unavailable
from cordspec.extension.kinds.engine import Engine, EngineCounters, Model
from cordspec.extension.kinds.grader import Grader
from cordspec.extension.kinds.trainer import Trainer
from cordspec.extension.options import Ref
from cordspec.extension.registry import Registry
from cordspec.journal import Committer, Journal
from cordspec.model import Block, Experiment
from cordspec.plan import Graph
from cordspec.run.events import Observer
from cordspec.run.gate import Gate, NotStored
from cordspec.run.gateway import ModelGateway, RoleView
from cordspec.run.ledger import Ledger
from cordspec.run.quarantine import CRASHES
from cordspec.run.seeds import derive
from cordspec.run.tally import Tally

STUDENT_WEIGHTS = "model"
"""The directory of a trained student inside its stage's directory."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """One run at work."""

    experiment: Experiment
    graph: Graph
    registry: Registry
    directory: RunDirectory
    problems: dict[str, tuple[Problem, ...]]
    models: Models
    observer: Observer
    crashes: int = CRASHES
    """How many ends of the process, with one problem under way, set that problem aside; 0 for never."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """By decode: what became of its problems so far."""

    def served(self, block: Block) -> list[Ref]:
        """The models that a block names and that are behind servers."""
        named = [ref for _, ref in block.refs() if ref.kind in ("model", "student")]
        return [ref for ref in named if self.models.component(ref.name).served]


class Engines:
    """The engines of a process: equal weights with equal settings are loaded once, for all variants."""

    def __init__(self, journal: Journal, stored_only: frozenset[Role] = frozenset(), gate: Gate | None = None) -> None:
        self.journal = journal
        self.gate = gate or Gate()
        self.committer = Committer(journal)
        self._stored_only = stored_only
        self._gateways: dict[str, ModelGateway] = {}

    def gateway(self, fingerprint: str, open_engine: Callable[[], Engine]) -> ModelGateway:
        """The way to an engine, which is opened when it is first asked something."""
        if fingerprint not in self._gateways:
            self._gateways[fingerprint] = ModelGateway(
                open_engine, fingerprint, self.committer, self._stored_only, self.gate
            )
        return self._gateways[fingerprint]

    @property
    def gateways(self) -> tuple[ModelGateway, ...]:
        """The ways to all engines of this process."""
        return tuple(self._gateways.values())

    @property
    def under_way(self) -> int:
        """Requests of all engines that are under way."""
        return sum(gateway.under_way for gateway in self.gateways)

    @property
    def counters(self) -> EngineCounters:
        """What all engines of this process computed."""
        each = [gateway.counters for gateway in self.gateways]
        return EngineCounters(*(sum(column) for column in zip(*map(astuple, each), strict=True)))

    async def close(self) -> None:
        for gateway in self._gateways.values():
            await gateway.close()
        self.committer.close()


class Models:
    """The models of an experiment by block name."""

    def __init__(self, experiment: Experiment, engines: Engines) -> None:
        self.journal = engines.journal
        self.committer = engines.committer
        self.gate = engines.gate
        self._experiment = experiment
        self._engines = engines
        self._components: dict[str, Model] = {}
        self._fingerprints: dict[str, str] = {}
        self.gateways: dict[str, ModelGateway] = {}
        """The ways to the models that were wanted so far."""

    @property
    def all_gateways(self) -> tuple[ModelGateway, ...]:
        """The ways to all engines of this process, those that other variants wanted included."""
        return self._engines.gateways

    def component(self, name: str) -> Model:
        """The model of a block, not loaded."""
        if name not in self._components:
            self._components[name] = model_of(self._experiment.blocks[name])
        return self._components[name]

    def add_student(self, name: str, weights: RunDirectory, stage_id: str) -> None:
        """Make a trained student known under its block's name."""
        self._components[name] = self.base(name).at(weights.stage(stage_id) / STUDENT_WEIGHTS)

    def base(self, name: str) -> Model:
        """The model, or the student, from which the training of a student starts."""
        block = self._experiment.blocks[name]
        init = dict(block.refs()).get(("init",))
        if init is not None:
            return self.component(init.name)
        base = trainer_of(block).base()
        assert base is not None, "`init` is a reference, or the trainer says what it stands for"
        return base

    def view(self, name: str, role: Role, ledger: Ledger) -> RoleView:
        """The model of a block in a role."""
        if name not in self._fingerprints:
            with component_errors(self._experiment.blocks[name]):
                self._fingerprints[name] = self.component(name).fingerprint()
        gateway = self._engines.gateway(self._fingerprints[name], lambda: self._open(name))
        self.gateways[name] = gateway
        return gateway.view(name, role, ledger)

    def _open(self, name: str) -> Engine:
        with component_errors(self._experiment.blocks[name]):
            return self.component(name).open()


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a component of one stage may use (`cordspec.plugin.Context`): models in their role, costs counted."""

    shop: Workshop
    ledger: Ledger
    block: Block
    """The block of the component, for diagnostics."""
    graders: dict[str, Grader] = field(default_factory=dict)

    def engine(self, ref: Ref, role: Role = "prover") -> EngineAccess:
        return self.shop.models.view(ref.name, role, self.ledger)

    def grader(self, name: str) -> Grader:
        if name not in self.graders:
            self.graders[name] = grader_of(self.shop.registry, name, self.block)
        return self.graders[name]

    def seed(self, *parts: str | int) -> int:
        return derive(self.shop.experiment.options.seed, self.block.name, *parts)

    def close(self) -> None:
        """Release the graders."""
        for grader in self.graders.values():
            grader.close()


def grader_of(registry: Registry, name: str, block: Block) -> Grader:
    """The grader that a block names."""
    with component_errors(block):
        component = registry.get("grader", name)
        assert issubclass(component, Grader)
        return component(component.options_type())


def model_of(block: Block) -> Model:
    """The model that a block describes, not loaded."""
    assert block.component is not None and issubclass(block.component, Model)
    return block.component(block.options)


def trainer_of(block: Block) -> Trainer:
    """The trainer of a student."""
    assert block.component is not None and issubclass(block.component, Trainer)
    return block.component(block.options)


def model_fingerprint(block: Block) -> str:
    """The identity of a model's weights and settings.

    Raises:
        PreflightError: the weights are not here.
    """
    with component_errors(block):
        return model_of(block).fingerprint()


class component_errors:  # reads as a statement: `with component_errors(block):`
    """Turn what a component raises into one diagnostic at its block.

    Raises:
        PreflightError: something is missing here.
        PolicyError: the operator's policy forbids it.
        IncompleteError: something that was here failed or changed during the run.
        SpecError: input data is wrong.
        StageError: the component failed in any other way.
    """

    def __init__(self, block: Block) -> None:
        self._block = block

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case None | CordspecError() | NotStored() | asyncio.CancelledError():
                return
            case OSError() if is_disk_error(error):
                return
            case Unavailable(help=help, code=code) if code == "E601" or not code.startswith("E6"):
                raise PreflightError(self._diagnostic(code, str(error), help)) from error
            case Unavailable(help=help, code=code):
                raise IncompleteError(self._diagnostic(code, str(error), help)) from error
            case Refused(help=help):
                raise PolicyError(self._diagnostic("E505", str(error), help)) from None
            case InvalidData(help=help, code=code):
                raise SpecError(self._diagnostic(code, str(error), help)) from error
            case Failed(help=help, code=code):
                raise StageError(self._diagnostic(code, str(error), help)) from error
            case Exception():
                said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                raise StageError(self._diagnostic("E331", f"{self._what} failed: {said}", "")) from error

    @property
    def _what(self) -> str:
        component = self._block.component
        named = f" (component `{component.name}` of {component.__module__})" if component else ""
        return f"{self._block.kind} `{self._block.name}`{named}"

    def _diagnostic(self, code: str, message: str, help: str) -> Diagnostic:
        return Diagnostic(code, message, self._block.span, "", help=help)
