"""Files to a typed experiment: composition, resolution against the installed plugins, checks across blocks."""

from cordspec.model.experiment import Block, Experiment
from cordspec.model.resolve import BASE, Variant, is_sweep, resolve, resolve_variants

__all__ = ["BASE", "Block", "Experiment", "Variant", "is_sweep", "resolve", "resolve_variants"]
