"""What waves came to is journaled beside the answers, and compared when a resumed run decides them again.

The answers alone determine every decision. Where a resumed run decides otherwise, another version of a search, scorer or
segmenter is at work, and its traces would be a mixture of two methods.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from cordspec.diagnostics import Diagnostic
from cordspec.domain.search import Decision
from cordspec.errors import IntegrityError
from cordspec.journal import Committer
from cordspec.journal.notes import DECISION, note


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of one decode. ``stage`` is the stage's id, which holds all options."""

    stage: str
    committer: Committer

    def keep(self, problem: str, decision: Decision) -> None:
        """A wave was decided.

        Raises:
            IntegrityError: an earlier process decided it otherwise.
        """
        row = note(DECISION, (self.stage, problem, decision.wave), {"digest": digest(decision)})
        known = self.committer.journal.get([row[0]]).get(row[0])
        if known is None:
            self.committer.note(row)
        elif known[0] != row[2]:
            message = (
                f"wave {decision.wave} of problem {problem} is decided otherwise than before the run was interrupted"
            )
            help = (
                "go on with the versions of cordspec and its plugins that manifest.json names, or choose another --out"
            )
            raise IntegrityError(Diagnostic("E714", message, help=help))


def digest(decision: Decision) -> str:
    """What was kept and dropped, with scores, in rank order: 128 bits in hexadecimal."""
    ranked = [
        [[one.trajectory.key, one.score.value if one.score else None] for one in part]
        for part in (decision.kept, decision.dropped)
    ]
    content = json.dumps([decision.wave, ranked, decision.root.key if decision.root else None])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
