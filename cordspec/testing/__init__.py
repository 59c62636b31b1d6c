"""The conformance suite of engines: what every engine promises, checked on a loaded one against plain transformers."""

from cordspec.testing.conformance import CHECKS, Outcome, run
from cordspec.testing.subject import Oracle, Subject

__all__ = ["CHECKS", "Oracle", "Outcome", "Subject", "run"]
