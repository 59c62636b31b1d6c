"""The hooks that a plugin may implement."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from cordspec.extension.component import Component

hookspec = pluggy.HookspecMarker("cordspec")
hookimpl = pluggy.HookimplMarker("cordspec")


@hookspec
def cordspec_components() -> Iterable[type[Component]]:  # type: ignore[empty-body]  # a specification has no body
    """Yield the component classes of this module: scorers, searches, models and so on.

    The module is named by an entry point of the group ``cordspec`` whose name is ``KIND.NAME``, once per component, so
    that only the plugins which a spec names are imported::

        [project.entry-points.cordspec]
        "scorer.brevity" = "cordspec_brevity"
    """
