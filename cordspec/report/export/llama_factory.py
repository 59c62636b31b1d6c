"""`dataset_info.json`: how LLaMA-Factory is told of a data set."""

from __future__ import annotations

import json
from typing import Final

FILE: Final = "dataset_info.json"


def dataset_info(name: str, file: str) -> str:
    """The description of dialogues in the ``messages`` form, in a file beside the description."""
    entry = {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }
    return json.dumps({name: entry}, indent=2, ensure_ascii=False) + "\n"
