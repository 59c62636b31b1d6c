"""What a run's servers were when it first asked them: a later process of the run does not mix another model's answers in."""

from __future__ import annotations

from dataclasses import asdict

from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.engine import EngineIdentity, EngineTraits
from cordspec.journal import Journal
from cordspec.journal.notes import IDENTITY, note


def hold_identity(journal: Journal, fingerprint: str, traits: EngineTraits | None) -> None:
    """Hold what an engine was found to be against what the journal says of it, or keep it there if that says nothing.

    Args:
        fingerprint: of the model, as the spec names it.

    Raises:
        Unavailable: it is another model (E611).
    """
    if traits is None or traits.identity is None:
        return
    row = note(IDENTITY, (fingerprint,), asdict(traits.identity))
    known = journal.get([row[0]]).get(row[0])
    if known is None:
        journal.put([row])
        return
    parted = traits.identity.parts_from(_identity(known[0]))
    if parted:
        raise Unavailable(
            f"{traits.engine} is not what this run began with: {parted}",
            "serve what the run began with, or begin another run with --out",
            "E611",
        )


def _identity(kept: dict[str, object]) -> EngineIdentity:
    served, drawn, values, tolerance = (kept[name] for name in ("served", "drawn", "values", "tolerance"))
    assert isinstance(served, list) and isinstance(drawn, list) and isinstance(values, list)
    assert isinstance(tolerance, float)
    return EngineIdentity(tuple(served), tuple(drawn), tuple(values), tolerance)
