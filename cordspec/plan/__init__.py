"""The graph of stages: what will be made, from what, and under which content hash."""

from cordspec.plan.build import Identify, build, narrowed
from cordspec.plan.graph import Graph, Stage, StageKind

__all__ = ["Graph", "Identify", "Stage", "StageKind", "build", "narrowed"]
