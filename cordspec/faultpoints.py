"""Named places in the code at which a test may end the process, fail the disk or take note; else nothing happens there.

Points stand inside the product, where an interruption could do harm: between two writes, before a rename, before somebody is
told that an answer is kept. Only code of the same process can arm them: there is no switch in the environment.
"""

from __future__ import annotations

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def faultpoint(name: str) -> None:
    """The code passes a place, ``part.moment`` (``journal.before_commit``)."""
    if _hook is not None:
        _hook(name)


def arm(hook: Callable[[str], None] | None) -> None:
    """Call ``hook`` with the name of every place that is passed from now on; None ends it. What it raises is raised there."""
    global _hook
    _hook = hook
