"""The parts of three HTTP APIs that cordspec uses to continue prompts, over a real model. These are not those servers."""

from __future__ import annotations

from typing import Any

from cordspec.plugin import Sampling
from tests.real.serving import Answer, Refusal, ServedModel


class OpenAILike:
    """``/v1/completions``, as bare or as rich as is asked for.

    Args:
        ids: takes prompts as token ids; a text is read with special tokens in it.
        rich: knows the fields that vLLM and SGLang add, and gives token ids back; otherwise refuses them.
        tells: says which stop string ended a completion, under this name.
        top_k: obeys it; otherwise ignores it.
    """

    def __init__(self, served: ServedModel, *, ids: bool, rich: bool, tells: str = "", top_k: bool = False) -> None:
        self.served, self.ids, self.rich, self.tells, self.top_k = served, ids, rich, tells, top_k

    @property
    def routes(self) -> dict[str, Answer]:
        return {
            "/v1/models": lambda _: {"data": [{"id": "m", "max_model_len": self.served.context}]},
            "/v1/completions": self.complete,
        }

    def complete(self, body: Any) -> object:
        if not self.rich and {"return_token_ids", "min_p"} & set(body):
            raise Refusal(400, {"error": {"message": "Unrecognized request argument supplied: min_p"}})
        prompt = body["prompt"]
        if isinstance(prompt, list) and not self.ids:
            raise Refusal(422, {"error": "prompt must be a string"})
        ids = prompt if isinstance(prompt, list) else self.served.tokenizer(prompt)["input_ids"]
        sampling = Sampling(body["temperature"], body["top_p"], body.get("top_k", 0) if self.top_k else 0)
        drawn, end, stop = self.served.continued(ids, sampling, body["seed"], body["max_tokens"], body.get("stop", ()))
        text = self.served.decode(drawn[:-1] if end == "end" else drawn)
        choice: dict[str, object] = {
            "index": 0,
            "text": text[: text.index(stop)] if stop is not None else text,
            "finish_reason": "length" if end == "length" else "stop",
        }
        if self.tells:
            choice[self.tells] = stop
        if body.get("return_token_ids"):
            choice["token_ids"] = drawn
        return {"choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": len(drawn)}}


class LlamaCppLike:
    """``/completion``, ``/tokenize``, ``/props`` and ``/slots`` of llama.cpp."""

    def __init__(self, served: ServedModel) -> None:
        self.served = served
        self.tasks = 0

    @property
    def routes(self) -> dict[str, Answer]:
        context = {"n_ctx": self.served.context}
        return {
            "/props": lambda _: {"default_generation_settings": context, "total_slots": 1, "build_info": "b1-0"},
            "/slots": lambda _: [{"id": 0, "id_task": self.tasks, "next_token": {"n_decoded": 3}}],
            "/tokenize": self.tokenize,
            "/completion": self.complete,
        }

    def tokenize(self, body: Any) -> object:
        assert body["add_special"] is False and body["parse_special"] is False
        return {"tokens": self.served.tokenizer(body["content"], add_special_tokens=False)["input_ids"]}

    def complete(self, body: Any) -> object:
        assert body["return_tokens"] and body["samplers"] == ["temperature", "top_k", "top_p"]
        ids, self.tasks = body["prompt"], self.tasks + 1
        sampling = Sampling(body["temperature"], body["top_p"], body["top_k"])
        drawn, end, stop = self.served.continued(ids, sampling, body["seed"], body["n_predict"], body["stop"])
        return {
            "content": "not looked at",
            "tokens": drawn,
            "stop_type": {"length": "limit", "end": "eos", "stop": "word"}[end],
            "stopping_word": stop or "",
            "tokens_evaluated": len(ids),
            "truncated": False,
            "timings": {"cache_n": 0, "prompt_n": len(ids)},
        }


class TgiLike:
    """``/generate``, ``/tokenize`` and ``/info`` of Text Generation Inference: texts only, stop strings kept, four of them."""

    def __init__(self, served: ServedModel, **info: object) -> None:
        self.served = served
        self.info = {
            "model_id": "m", "model_sha": None, "version": "3.3.6", "max_input_tokens": served.context - 1,
            "max_total_tokens": served.context, "max_stop_sequences": 4, **info,
        }  # fmt: skip

    @property
    def routes(self) -> dict[str, Answer]:
        return {
            "/info": lambda _: self.info,
            "/metrics": lambda _: b'tgi_batch_inference_count{method="decode"} 12\n',
            "/tokenize": lambda body: [{"id": one, "text": ""} for one in self.served.tokenizer(body["inputs"])["input_ids"]],
            "/generate": self.generate,
        }  # fmt: skip

    def generate(self, body: Any) -> object:
        asked = body["parameters"]
        if len(asked["stop"]) > 4 or asked.get("top_p", 0.5) >= 1 or asked.get("top_k", 1) < 1:
            raise Refusal(422, {"error": "Input validation error", "error_type": "validation"})
        ids = self.served.tokenizer(body["inputs"])["input_ids"]
        if len(ids) > int(str(self.info["max_input_tokens"])):
            raise Refusal(422, {"error": "too long", "error_type": "validation"})
        sampling = Sampling(asked.get("temperature", 0.0), asked.get("top_p", 1.0), asked.get("top_k", 0))
        most = asked["max_new_tokens"]
        drawn, end, _ = self.served.continued(ids, sampling, asked["seed"], most, asked["stop"])
        reason = {"length": "length", "end": "eos_token", "stop": "stop_sequence"}[end]
        tokens = [{"id": one, "text": "", "logprob": -1.0, "special": False} for one in drawn]
        return {"generated_text": "not looked at", "details": {"finish_reason": reason, "tokens": tokens}}
