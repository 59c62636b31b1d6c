"""The models of an experiment as simulated engines, each behind a gateway as ever. No weights are looked for."""

from __future__ import annotations

from cordspec.domain.inference import Role
from cordspec.model import Experiment
from cordspec.run.gateway import RoleView
from cordspec.run.ledger import Ledger
from cordspec.run.simulating.engine import SimulatedEngine
from cordspec.run.simulating.replica import Replica
from cordspec.run.simulating.settings import Placement, Settings
from cordspec.run.simulating.timing import Timing
from cordspec.run.simulating.writer import Writer
from cordspec.run.workshop import Engines, Models


class SimulatedModels(Models):
    """Opens simulated engines; those opened so far are in ``opened``."""

    def __init__(self, experiment: Experiment, engines: Engines, writer: Writer, settings: Settings) -> None:
        super().__init__(experiment, engines)
        self.opened: dict[str, SimulatedEngine] = {}
        self._writer = writer
        self._settings = settings

    def view(self, name: str, role: Role, ledger: Ledger) -> RoleView:
        gateway = self._engines.gateway(f"simulated {name}", lambda: self._open(name))
        self.gateways[name] = gateway
        return gateway.view(name, role, ledger)

    def _open(self, name: str) -> SimulatedEngine:
        cluster = self._experiment.options.cluster
        assert cluster is not None
        model = self.component(name)
        placed = self._settings.placements.get(name, Placement(model.gpus // model.replicas, model.replicas))
        timing = Timing.of(model.facts(), placed.gpus, cluster.gpu_memory, self._settings.gpu)
        replicas = [Replica(timing) for _ in range(placed.replicas)]
        self.opened[name] = SimulatedEngine(name, replicas, self._writer, self._settings.correlation)
        return self.opened[name]
