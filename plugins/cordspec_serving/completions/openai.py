"""``/v1/completions`` of any OpenAI-compatible server. What it takes and tells beyond the bare API is tried.

The fields of the bare API are OpenAI's; those beyond it are those of vLLM 0.32 and SGLang 0.5.23.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, Final

from cordspec.plugin import Sampling, Unavailable
from cordspec_serving.backend import About, Drawing, Drawn, Ids, NotOffered
from cordspec_serving.completion_stream import STREAMED, completion
from cordspec_serving.completions.generating import GeneratingBackend, first_stop
from cordspec_serving.completions.spelling import Spelling
from cordspec_serving.connection import Connection
from cordspec_serving.model_list import listed_model
from cordspec_serving.reading import whole

SEEDS: Final = 2**31
"""Services take seeds of 31 bits."""
EXACT: Final[dict[str, object]] = {
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "skip_special_tokens": False,
    "spaces_between_special_tokens": False,
    "return_token_ids": True,
}
"""Beyond the bare API: no default of a model's configuration decides anything, and token ids come back."""
TRIAL: Final = "One apple and one apple are"
BROKEN: Final = "\ufffd"


class OpenAIBackend(GeneratingBackend):
    """One server.

    Args:
        model: the name under which it serves the model; empty for the only one.
    """

    def __init__(self, connection: Connection, spelling: Spelling, model: str) -> None:
        super().__init__(connection, spelling)
        self._model = model
        self._extra: dict[str, object] = {}
        connection.progress = self.progress
        self._as_ids = self._gives_ids = self._tells_stops = self._takes_top_k = self._streams = False

    async def about(self) -> About:
        served = await listed_model(self._connection, self._model)
        self._model = str(served["id"])
        trial = Drawing(self._spelling.ids(TRIAL), Sampling(0.0), 0, 12)
        likeliest = await self._settle(trial)
        stop = likeliest[len(likeliest) // 2 :][:2]
        if stop:
            choice, _ = await self._completion(replace(trial, stop=(stop,)), send_stops=True)
            self._tells_stops = _told(choice) == stop
        self._takes_top_k = await self._obeys_top_k(trial, likeliest)
        by_server = self._gives_ids or self._tells_stops
        return About(
            "an OpenAI-compatible server",
            self._model,
            whole(served.get("max_model_len")),
            found={
                "weights": str(served.get("root", "")),
                "prompts": "token ids" if self._as_ids else "text",
                "tokens counted": "by the server" if self._gives_ids else "by our tokenizer",
                "stops": "by the server" if by_server else "looked for here, in all that it wrote",
                "top_k": self._takes_top_k or "not offered",
                "moves by": "tokens that come" if self._streams else await self._moves_by(),
            },
        )

    async def tokenized(self, text: str) -> Ids:
        answer = await self._connection.post(
            "/tokenize", {"model": self._model, "prompt": text, "add_special_tokens": False}
        )
        tokens = answer.get("tokens")
        if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
            raise NotOffered("tokens of a text")
        return tuple(tokens)

    async def renewed(self) -> bool:
        return await self._connection.renewed("/v1/models")

    async def serves(self) -> tuple[str, ...]:
        served = await listed_model(self._connection, self._model)
        return tuple(str(served.get(name, "")) for name in ("id", "root", "max_model_len"))

    async def draw(self, drawing: Drawing) -> Drawn:
        if drawing.sampling.top_k and not self._takes_top_k:
            raise Unavailable(f"{self._connection.name} takes no `top_k`", "leave `top_k` out, or use another server")
        choice, cached = await self._completion(drawing, send_stops=self._gives_ids or self._tells_stops)
        finish = choice.get("finish_reason")
        if finish not in ("stop", "length"):
            raise self._torn(f"a completion that ended by {finish!r}")
        if self._gives_ids:
            ids = self._ids(choice)
            ended = finish == "stop" and not isinstance(_told(choice), str) and not self._stopped(drawing, ids)
            return self._drawn(drawing, ids, ended=ended, cut_off=finish == "length", cached=cached)
        return self._spelled(drawing, str(choice["text"]), _told(choice), finish == "length", cached)

    def _stopped(self, drawing: Drawing, ids: Ids) -> bool:
        """Whether a stop string is in these tokens; then the last of them is no end token to be left out."""
        return first_stop(self._spelling.continuation(drawing.ids, ids), drawing.stop)[1] is not None

    def _spelled(self, drawing: Drawing, text: str, told: object, cut_off: bool, cached: int | None) -> Drawn:
        """A continuation of which the text is known: its tokens are counted by our tokenizer."""
        place, stop = first_stop(text, drawing.stop)
        if stop is None and isinstance(told, str) and told in drawing.stop:
            stop = told  # the server left it out of the text
        text = text[:place]
        if cut_off:
            text = text.rstrip(BROKEN)  # a character whose other tokens did not come any more
        ended = stop is None and not cut_off
        ids = self._spelling.ids(text + (stop or "")) + ((self._spelling.end,) if ended else ())
        return Drawn(ids, text, cut_off and stop is None, stop, cached)

    async def _settle(self, trial: Drawing) -> str:
        """Find out how this server takes prompts; gives what it finds likeliest after the trial's."""
        refused = ""
        ways = [(ids, extra) for ids in (True, False) for extra in (EXACT, {})]
        for stream, (self._as_ids, extra) in product((STREAMED, {}), ways):
            self._extra = extra | stream
            try:
                choice, _ = await self._completion(trial, send_stops=False)
            except NotOffered as error:
                refused = str(error)
                continue
            self._streams = bool(self._connection.received)
            self._gives_ids = isinstance(choice.get("token_ids"), list)
            return str(choice["text"])
        raise Unavailable(f"{self._connection.name} completes no raw prompt: {refused}", "look at `dialect`")

    async def _obeys_top_k(self, trial: Drawing, likeliest: str) -> bool:
        """Whether the likeliest tokens come out when nothing else is to be drawn from, however hot."""
        for seed in (1, 2):
            hot = replace(trial, sampling=Sampling(2.0, 1.0, 1), seed=seed)
            try:
                choice, _ = await self._completion(hot, send_stops=False)
            except NotOffered:
                return False
            if choice["text"] != likeliest:
                return False
        return True

    async def _completion(self, drawing: Drawing, *, send_stops: bool) -> tuple[dict[str, Any], int | None]:
        sampling = drawing.sampling
        body: dict[str, object] = self._extra | {
            "model": self._model,
            "prompt": list(drawing.ids) if self._as_ids else self._spelling.text(drawing.ids),
            "max_tokens": drawing.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": drawing.seed % SEEDS,
        }
        if sampling.top_k:
            body["top_k"] = sampling.top_k
        if send_stops and drawing.stop:
            body["stop"] = list(drawing.stop)
        choice, usage = await completion(self._connection, body)
        self._check_read(whole(usage.get("prompt_tokens")), drawing.ids)
        self._answers += 1
        details = usage.get("prompt_tokens_details")
        return choice, whole(details.get("cached_tokens")) if isinstance(details, dict) else None

    def _ids(self, choice: dict[str, Any]) -> Ids:
        try:
            return tuple(map(int, choice["token_ids"]))
        except (KeyError, TypeError, ValueError):
            raise self._torn("a completion without token ids") from None


def _told(choice: dict[str, Any]) -> object:
    """Which stop string or end token ended it, where the server says so: vLLM's word for it, and SGLang's."""
    return choice.get("stop_reason", choice.get("matched_stop"))
