"""The part of SGLang's HTTP API that cordspec uses, over a real model. This is not SGLang.

It answers as the source of SGLang 0.5.23 says that SGLang does: an entry for every place from ``logprob_start_len`` on, the
first without a value; held states used up to that place at most and never up to the last token; what JSON cannot say as null.
"""

from __future__ import annotations

from typing import Any

from cordspec.plugin import Sampling
from tests.real.serving import Answer, Refusal, ServedModel


class SglangLike:
    """The state of one such server: which token sequences it holds the states of."""

    def __init__(self, served: ServedModel, *, deterministic: bool = True, **info: object) -> None:
        self.served = served
        self.deterministic = deterministic
        self.held: list[tuple[int, ...]] = []
        self.calls = 0
        self.tokens = 0
        self.info = {
            "version": "0.5.23", "model_path": str(served.path), "max_req_input_len": served.context - 6,
            "max_total_num_tokens": 50_000, "page_size": 1, "dtype": "float32", "disable_radix_cache": False,
            "enable_priority_scheduling": False, "api_key": "sk-of-the-server-itself", **info,
        }  # fmt: skip

    @property
    def routes(self) -> dict[str, Answer]:
        return {
            "/health": lambda _: b"",
            "/server_info": lambda _: self.info,
            "/tokenize": self.tokenize,
            "/generate": self.generate,
            "/metrics": self.metrics,
        }

    def metrics(self, _: Any) -> bytes:
        return f'sglang:prompt_tokens_total{{model_name="m"}} {self.tokens}.0\nsglang:other_total 3.0\n'.encode()

    def tokenize(self, body: Any) -> object:
        ids = self.served.tokenizer(body["prompt"], add_special_tokens=body["add_special_tokens"])["input_ids"]
        return {"tokens": ids, "count": len(ids), "max_model_len": self.served.context}

    def generate(self, body: Any) -> object:
        ids, params = body["input_ids"], body["sampling_params"]
        wants, start = body.get("return_logprob", False), body.get("logprob_start_len", -1)
        if start > len(ids) or len(ids) >= self.info["max_req_input_len"]:  # type: ignore[operator]
            raise Refusal(400, {"error": {"message": "too long"}})
        most = len(ids) - 1 if not wants or start < 0 else min(len(ids) - 1, start)
        cached = max((_shared(held, ids, most) for held in self.held), default=0)
        meta: dict[str, Any] = {"id": "r", "prompt_tokens": len(ids), "cached_tokens": cached}
        rows = self.served.logprobs(ids) if wants else None
        if rows is not None and start >= 0:
            known = [rows[place - 1, ids[place]].item() for place in range(start + 1, len(ids))]
            meta["input_token_logprobs"] = [
                [value, token, None] for value, token in zip([None, *known], ids[start:], strict=True)
            ]
        if rows is not None and body.get("token_ids_logprob"):
            meta["output_token_ids_logprobs"] = [
                [[rows[-1, token].item(), token, None] for token in body["token_ids_logprob"]]
            ]
        self.calls += 1
        sampling = Sampling(params["temperature"], params["top_p"], max(0, params["top_k"]) if "top_k" in params else 0)
        seed = params.get("sampling_seed", 0) if self.deterministic else self.calls
        drawn, end, stop = self.served.continued(ids, sampling, seed, params["max_new_tokens"], params.get("stop", ()))
        self.held.append((*ids, *drawn[:-1]))
        self.tokens += len(ids) + len(drawn)
        text = self.served.decode(drawn[:-1] if end == "end" else drawn)
        text = text[: text.index(stop)] if stop is not None else text
        reasons: dict[str, object] = {
            "length": {"type": "length", "length": len(drawn)},
            "end": {"type": "stop", "matched": drawn[-1] if drawn else None},
            "stop": {"type": "stop", "matched": stop},
        }
        return {"text": text, "output_ids": drawn, "meta_info": meta | {"finish_reason": reasons[end]}}


def _shared(held: tuple[int, ...], ids: list[int], most: int) -> int:
    count = 0
    while count < min(most, len(held)) and held[count] == ids[count]:
        count += 1
    return count
