"""When a generation is over: stop strings in text that arrives token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cordspec.plugin import THINK_CLOSE

TORN = "\ufffd"
"""What stands for the beginning of a character whose other tokens are still to come."""


class StopWatch:
    """Finds the first stop string in a row's text without decoding the whole text at every token.

    A stop string can only be completed by a token that holds its last character; only then is the text decoded. (A last
    character outside ASCII may be spread over several tokens, so there every token is looked at.)
    """

    def __init__(
        self, stops: Sequence[str], min_tokens: int, decode: Callable[[Sequence[int]], str], token_text: dict[int, str]
    ) -> None:
        self._stops = stops
        self._min_tokens = min_tokens
        self._decode = decode
        self._token_text = token_text
        self._last = {stop[-1] for stop in stops}
        self._always = any(not last.isascii() for last in self._last)

    def find(self, ids: Sequence[int]) -> tuple[str, str] | None:
        """The text before the first stop string and that stop string, or None if there is none yet."""
        if not self._stops or not (self._always or self._last & set(self._text_of(ids[-1]))):
            return None
        text = self._decode(ids)
        first = len(self._decode(ids[: self._min_tokens]).rstrip(TORN)) if self._min_tokens else 0
        places = [
            (at, stop) for stop in self._stops if (at := text.find(stop, 0 if stop == THINK_CLOSE else first)) >= 0
        ]
        if not places:
            return None
        at, stop = min(places)
        return text[:at], stop

    def _text_of(self, token: int) -> str:
        if token not in self._token_text:
            self._token_text[token] = self._decode([token])
        return self._token_text[token]
