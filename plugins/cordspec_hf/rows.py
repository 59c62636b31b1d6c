"""One row of a decoding batch: what it has drawn, and when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from cordspec.plugin import GenerateRequest, Generation
from cordspec_hf.prefix_tree import Ids
from cordspec_hf.sampling import UniformStream
from cordspec_hf.stopping import StopWatch


class DecodingRow:
    """The state of one generation request. It is made in the event loop of who asks, whom ``future`` tells the answer.

    Args:
        ids: the encoded prompt.
        room: tokens that may still be drawn: the request's limit or what is left of the context.
    """

    def __init__(
        self, request: GenerateRequest, ids: Ids, room: int, ends: Sequence[int],
        decode: Callable[[Sequence[int]], str], token_text: dict[int, str],
    ) -> None:  # fmt: skip
        self.future: asyncio.Future[Generation] = asyncio.get_running_loop().create_future()
        self.arrived = time.perf_counter()
        self.request = request
        self.ids = ids
        self.room = room
        self.uniforms = UniformStream(request.seed)
        self.drawn: list[int] = []
        self.prefilled = 0
        self._ends = ends
        self._decode = decode
        self._watch = StopWatch(request.stop, request.min_tokens, decode, token_text)
        self._found: tuple[str, str] | None = None

    @property
    def last(self) -> int:
        """The newest token, which the model has not seen yet."""
        return self.drawn[-1] if self.drawn else self.ids[-1]

    @property
    def written(self) -> Ids:
        """Prompt and drawn tokens without the newest one: all that the model has seen."""
        return (*self.ids, *self.drawn[:-1])

    @property
    def over(self) -> bool:
        return self._found is not None or self._ended or len(self.drawn) >= self.room

    @property
    def _ended(self) -> bool:
        return bool(self.drawn) and self.drawn[-1] in self._ends

    def take(self, token: int) -> None:
        """Add a drawn token and look for a stop string."""
        self.drawn.append(token)
        if not self._ended:
            self._found = self._watch.find(self.drawn)

    def generation(self) -> Generation:
        """What the row wrote; an end token is counted, but is not part of the text."""
        spent, asked = len(self.drawn), len(self.ids)
        if self._found is not None:
            text, stop = self._found
            return Generation(text, spent, "stop", stop, asked, self.prefilled)
        if self._ended:
            return Generation(self._decode(self.drawn[:-1]), spent, "end", None, asked, self.prefilled)
        text = self._decode(self.drawn) if self.drawn else ""
        return Generation(text, spent, "length", None, asked, self.prefilled)
