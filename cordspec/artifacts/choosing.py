"""One of the things that a run directory holds, by its name."""

from __future__ import annotations

from collections.abc import Sequence

from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError


def choose(kind: str, wanted: str, names: Sequence[str]) -> str:
    """The name that is wanted, or the only one where none is.

    Args:
        kind: what is chosen, as the option of the command line is called.

    Raises:
        UsageError: there is none of this name, or several and none is named.
    """
    if wanted in names:
        return wanted
    if not wanted and len(names) == 1:
        return names[0]
    if not wanted and names:
        message = f"the run has {len(names)} finished {kind}s: {', '.join(names)}"
        raise UsageError(Diagnostic("E709", message, help=f"name one with --{kind}"))
    message = f"the run has no finished {kind}" + (f" named `{wanted}`" if wanted else "")
    help = f"it has {', '.join(names)}" if names else "" if wanted else "run the spec to the end, without --only"
    raise UsageError(Diagnostic("E709", message, help=help))
