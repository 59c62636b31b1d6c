"""The options of a model that decide how a question is put to it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from cordspec.plugin import Options, Unavailable

Choice = Literal["auto", "template", "base", "qwq", "r1", "phi4_reasoning", "qwen3"]


class PromptOptions(Options):
    """A base of the options of models that are asked with raw prompts."""

    prompt: Choice = Field(
        "auto",
        description="how a question is framed: by the family that is recognised, else by the model's own chat template, "
        "else as plain text; or one of these by name",
    )
    system: str = Field("", description="a system text instead of the recommended one")
    examples: str = Field(
        "", description="worked examples to show first: a file as for `jsonl`, each row with its `thinking`"
    )


AUTOMATIC: Final = {"prompt": "auto", "system": "", "examples": ""}
"""The settings under which students are trained, and so those under which they are asked."""


def prompt_identity(options: PromptOptions) -> str:
    """What the prompt options add to a model's fingerprint; nothing where they are left alone.

    Raises:
        Unavailable: the file of worked examples cannot be read.
    """
    settings: dict[str, str] = {name: getattr(options, name) for name in AUTOMATIC}
    if settings == AUTOMATIC:
        return ""
    if options.examples:
        try:
            content = Path(options.examples).read_bytes()
        except OSError as error:
            reason = (error.strerror or "unreadable").lower()
            raise Unavailable(f"cannot read the worked examples in {options.examples}: {reason}") from error
        settings["examples"] = hashlib.sha256(content).hexdigest()
    return json.dumps(settings, sort_keys=True)
