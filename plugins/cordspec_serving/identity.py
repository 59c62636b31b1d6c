"""Whether a server is still what it was when it was attached: what it says that it serves, and what it answers.

A name says nothing of the weights behind it. So something is asked whose answer depends on all of them: log-probabilities
where the server gives some, otherwise the first tokens drawn with a seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cordspec.plugin import EngineIdentity, Sampling, Unavailable
from cordspec_serving.backend import Backend, Drawing, Ids, NotOffered, Span
from cordspec_serving.failures import BadScores, Failed, OtherModel
from cordspec_serving.scoring import ROUTES, complete_values

SEED: Final = 77
COMPARED: Final = 4
"""Tokens: the more are compared, the likelier it is that rounding alone makes two draws part."""
TWICE: Final = 2
"""A server that answers otherwise is asked once more before that is believed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A server as it was found. It is compared with what it is later, of which it may say that it is the same.

    Args:
        known: what it answered then.
        drawing: what was drawn.
        route: how it gives log-probabilities, empty where it gives none, and ``span`` those that were asked for.
    """

    known: EngineIdentity
    drawing: Drawing
    route: str
    span: Span

    async def hold(self, backend: Backend, name: str) -> None:
        """One call, or two if the first one is answered otherwise. It is also the trial of a server that was left alone.

        Raises:
            OtherModel: it is another model than it was.
            Failed: it does not answer.
        """
        try:
            served = await backend.serves()
        except Failed:
            raise
        except (NotOffered, Unavailable) as error:
            raise OtherModel(f"{name} does not serve any more what it served before: {error}") from None
        parted = ""
        for _ in range(TWICE):
            try:
                parted = (await self._now(backend, served)).parts_from(self.known)
            except BadScores as error:
                parted = str(error)
            except NotOffered as error:
                raise OtherModel(f"{name} does not take any more what it took before: {error}") from None
            if not parted:
                return
        raise OtherModel(f"{name} is not what it was: {parted}")

    async def _now(self, backend: Backend, served: tuple[str, ...]) -> EngineIdentity:
        """The same as is known, asked again; only of the draws where there are no numbers."""
        if served != self.known.served:
            return replace(self.known, served=served)
        if self.route:
            found = await complete_values(ROUTES[self.route], backend, self.span)
            return replace(self.known, values=tuple(value for value in found.values if value is not None))
        return replace(self.known, drawn=(await backend.draw(self.drawing)).ids[:COMPARED])


def sampled(prompt: Ids, tokens: int, *, seeds: bool) -> Drawing:
    """The draw to be repeated: with a seed where seeds are obeyed, for that depends on more than the likeliest tokens."""
    return Drawing(prompt, Sampling(1.0 if seeds else 0.0), SEED, tokens)
