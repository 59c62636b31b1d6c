"""Where an embedded model is put."""

from __future__ import annotations

from typing import Literal

import torch

from cordspec.plugin import Unavailable

Device = Literal["auto", "cpu", "cuda"]


def chosen_device(wanted: Device) -> str:
    """The device of this name; for ``auto`` a GPU where there is one.

    Raises:
        Unavailable: a GPU is wanted and there is none.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Unavailable("there is no usable GPU here", "write device = auto, or leave it out")
    return wanted
