"""Rows of log-probabilities as vLLM sends them: a NumPy array in base64."""

from __future__ import annotations

import base64
import binascii
import io

from cordspec.plugin import Unavailable


def decoded_rows(encoded: str) -> list[float]:
    """The first column of an array of shape (rows, ids).

    Raises:
        Unavailable: it is no such array.
    """
    import numpy as np

    try:
        array = np.load(io.BytesIO(base64.b64decode(encoded, validate=True)), allow_pickle=False)
    except (ValueError, EOFError, binascii.Error) as error:
        raise Unavailable(f"the server sends rows that are no array: {error}") from None
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind != "f":
        raise Unavailable(f"the server sends an array of shape {array.shape} instead of rows of numbers")
    return [float(value) for value in array[:, 0]]
