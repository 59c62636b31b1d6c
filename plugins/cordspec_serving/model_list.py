"""The models that an OpenAI-compatible server lists."""

from __future__ import annotations

from typing import Any

from cordspec.plugin import Unavailable
from cordspec_serving.connection import Connection


async def listed_model(connection: Connection, wanted: str) -> dict[str, Any]:
    """What the server says of the model of this name, or of its only one if the name is empty.

    Raises:
        Unavailable: it serves none of that name, or several.
    """
    listed = (await connection.get_object("/v1/models")).get("data")
    models = [one for one in listed if isinstance(one, dict) and "id" in one] if isinstance(listed, list) else []
    chosen = [one for one in models if wanted in ("", one["id"])]
    if len(chosen) != 1:
        names = ", ".join(str(one["id"]) for one in models)
        message = f"{connection.name} serves {names or 'nothing'}, not one `{wanted or 'model'}`"
        raise Unavailable(message, "set `served_name`")
    return chosen[0]
