"""Files to a typed experiment: composition, resolution against the installed plugins, checks across blocks."""

from cordspec.model.experiment import Block, Experiment
from cordspec.model.resolve import resolve

__all__ = ["Block", "Experiment", "resolve"]
