"""Which GPUs a started server gets: the next free ones that this process may use."""

from __future__ import annotations

from cordspec.plugin import Unavailable
from cordspec_serving.gpus import visible


class Placement:
    """The GPUs of this process, handed out and taken back."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, count: int) -> tuple[str, ...]:
        """So many GPUs that nobody has.

        Raises:
            Unavailable: there are not so many.
        """
        free = [one for one in visible() if one not in self._taken]
        if len(free) < count:
            message = f"{count} GPUs are needed for a vLLM server, {len(free)} of {len(visible())} here are free"
            raise Unavailable(
                message, "give it fewer (`gpus`), run fewer models at a time, or name servers by `service`"
            )
        self._taken.update(free[:count])
        return tuple(free[:count])

    def give_back(self, gpus: tuple[str, ...]) -> None:
        """Free GPUs again."""
        self._taken.difference_update(gpus)


PLACEMENT = Placement()
