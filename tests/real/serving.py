"""What stands behind the servers of these tests: a real model by plain transformers, and real HTTP on this machine.

The model is computed the slow way, whole string, no cache, so that nothing of cordspec's engines checks itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec.plugin import Sampling
from cordspec_hf.sampling import UniformStream, draw
from cordspec_mini.models import CHECKPOINTS

Answer = Callable[[Any], object]


class ServedModel:
    """A miniature model in float32."""

    def __init__(self, name: str) -> None:
        self.path = CHECKPOINTS / name
        self.model = AutoModelForCausalLM.from_pretrained(self.path, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(self.path)
        self.context = int(self.model.config.max_position_embeddings)
        self._lock = threading.Lock()
        self._known: dict[tuple[int, ...], torch.Tensor] = {}

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """Computed from the whole string; only the very same string is remembered."""
        key = tuple(ids)
        with self._lock, torch.inference_mode():
            if key not in self._known:
                self._known[key] = self.model(torch.tensor([key]), use_cache=False).logits[0].float()
            return self._known[key]

    def logprobs(self, ids: Sequence[int]) -> torch.Tensor:
        """Row p is the distribution of the token after place p."""
        return torch.log_softmax(self.logits(ids), dim=-1)

    def decode(self, ids: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)

    def continued(
        self, ids: Sequence[int], sampling: Sampling, seed: int, most: int, stops: Sequence[str]
    ) -> tuple[list[int], str, str | None]:
        """The tokens drawn, the stop's included; how it ended (`length`, `end`, `stop`); which stop string."""
        uniforms, drawn = UniformStream(seed), []
        while len(drawn) < most:
            drawn += draw(self.logits([*ids, *drawn])[-1:], [sampling], [uniforms])
            if drawn[-1] == self.tokenizer.eos_token_id:
                return drawn, "end", None
            text = self.decode(drawn)
            if any(stop in text for stop in stops):
                return drawn, "stop", min((text.find(stop), stop) for stop in stops if stop in text)[1]
        return drawn, "length", None


class Refusal(Exception):
    """What a server answers with another status than 200."""

    def __init__(self, status: int, content: object = b"", **headers: str) -> None:
        super().__init__(status)
        self.status, self.content, self.headers = status, content, headers


class Server:
    """A server in a thread. ``routes`` answer by path, posts with their body and gets with None."""

    def __init__(self, routes: dict[str, Answer]) -> None:
        self.routes = routes
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                server.seen.append((self.path, dict(self.headers.items()), body))
                status, headers = 200, {}
                try:
                    route = server.routes.get(self.path)
                    if route is None:
                        raise Refusal(404, {"error": {"message": "no such path"}})
                    content = route(body)
                except Refusal as refusal:
                    status, content, headers = refusal.status, refusal.content, refusal.headers
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments: object) -> None:  # a client that gave up
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def asked(self, path: str) -> list[Any]:
        """The bodies of the requests to a path."""
        return [body for seen, _, body in self.seen if seen == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
