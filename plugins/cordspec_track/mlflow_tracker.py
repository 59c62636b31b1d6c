"""MLflow; in the run directory unless the operator names a server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from cordspec.plugin import Component, RunEnd, TrackedRun, Tracker, Unavailable, hookimpl

STATUS: Final[Mapping[RunEnd, str]] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_NOT_IN_NAMES: Final = re.compile(r"[^\w./ -]")


class MLflow(Tracker):
    """Writes into `tracking/mlflow.db`, or to the operator's ``MLFLOW_TRACKING_URI``.

    The client is used, not `start_run`, which adds the user, the command and the git commit by itself.
    """

    name: ClassVar[str] = "mlflow"

    def begin(self, run: TrackedRun) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise Unavailable("it needs the package mlflow", 'pip install "cordspec[mlflow]"') from error
        place = run.directory.resolve()
        server = os.environ.get("MLFLOW_TRACKING_URI")
        self._client = MlflowClient(tracking_uri=server or f"sqlite:///{place / 'mlflow.db'}")
        known = self._client.get_experiment_by_name(run.experiment)
        artifacts = None if server else (place / "mlflow").as_uri()  # else it names a directory beside the run
        experiment = known.experiment_id if known else self._client.create_experiment(run.experiment, artifacts)
        self._id = self._client.create_run(experiment, run_name=run.variant).info.run_id

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            key = _NOT_IN_NAMES.sub("_", f"{stage}/{name}")  # it takes `pass_1`, not `pass@1`
            self._client.log_metric(self._id, key, value, step=step)

    def end(self, status: RunEnd) -> None:
        self._client.set_terminated(self._id, status=STATUS[status])


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MLflow
