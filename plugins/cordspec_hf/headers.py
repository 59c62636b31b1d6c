"""Headers of safetensors files, read with limits: weights of strangers must not cost memory before they are looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cordspec.plugin import Unavailable

LARGEST_HEADER: Final = 16 * 1024 * 1024
"""Bytes; the largest models have less than one MiB in a file."""
MOST_TENSORS: Final = 100_000
MOST_FILES: Final = 2_000
PICKLES: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.joblib", "*.npy", "*.npz")


def read_header(file: Path) -> dict[str, Any]:
    """The tensors of a safetensors file by name, from its header: 8 bytes of length, then JSON.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, or its header is beyond a limit or beyond the file.
    """
    size = file.stat().st_size
    with file.open("rb") as data:
        length = int.from_bytes(data.read(8), "little")
        if length > LARGEST_HEADER:
            raise ValueError(f"its header claims {length:,} bytes, the limit is {LARGEST_HEADER:,}")
        if length + 8 > size:
            raise ValueError("it is shorter than its header says")
        try:
            header = json.loads(data.read(length))
        except (ValueError, RecursionError):
            raise ValueError("its header is not JSON") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not JSON")
    tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
    if len(tensors) > MOST_TENSORS:
        raise ValueError(f"it holds {len(tensors):,} tensors, the limit is {MOST_TENSORS:,}")
    for name, tensor in tensors.items():
        _lies_within(name, tensor, size - 8 - length)
    return tensors


def weight_files(path: Path) -> list[Path]:
    """The weights in a directory: safetensors files, each looked at. Nothing else in it is ever opened as weights.

    Raises:
        Unavailable: there are none, or one of them is not what its name says.
    """
    files = sorted(path.glob("*.safetensors"))
    if not files:
        other = sorted(file.name for pattern in PICKLES for file in path.glob(pattern))
        more = f"; {other[0]} may hold a pickle, which runs code when it is read" if other else ""
        raise Unavailable(f"no weights in {path}: it holds no .safetensors file{more}", "save the model as safetensors")
    if len(files) > MOST_FILES:
        raise Unavailable(f"{path} holds {len(files):,} files of weights, the limit is {MOST_FILES:,}")
    for file in files:
        try:
            read_header(file)
        except (OSError, ValueError) as error:
            raise Unavailable(f"{file} is no safetensors file: {error}", "get the weights again") from None
    return files


def _lies_within(name: str, tensor: Any, room: int) -> None:
    described: dict[str, Any] = tensor if isinstance(tensor, dict) else {}
    offsets: Any = described.get("data_offsets")
    shape: Any = described.get("shape")
    if not (_counts(offsets) and _counts(shape) and len(offsets) == 2):
        raise ValueError(f"its tensor {name[:80]!r} is not described as one")
    if not offsets[0] <= offsets[1] <= room:
        raise ValueError(f"its tensor {name[:80]!r} lies outside the file")


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
