"""The tokenizers of Qwen3 and of the R1 distillations, from Python packages that carry their vocabularies:
`python convert.py WHEELS OUT`.

`dashscope` has Qwen's ranks and pattern, `llama-models` those of Llama 3. The special tokens and their numbers are those of
the published configurations of Qwen3 and R1-Distill-Qwen, and for R1-Distill-Llama those of Llama 3.1 with DeepSeek's in the
places that people quote: unconfirmed, and nothing that is tested depends on them.
"""

from __future__ import annotations

import base64
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import trl
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN, LLAMA3 = WORDS.format(numbers=r"\p{N}"), WORDS.format(numbers=r"\p{N}{1,3}")
START, END, USER, REPLY = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"
TOOLS = ["<tool_call>", "</tool_call>", *(f"<|{name}|>" for name in (
    "fim_prefix", "fim_middle", "fim_suffix", "fim_pad", "repo_name", "file_sep",
)), "<tool_response>", "</tool_response>"]  # fmt: skip
PLAIN = {USER, REPLY, "<|EOT|>", "<think>", "</think>", *TOOLS}
"""Added tokens that are no special ones: a decoder that leaves those out keeps these."""
LETTER = bytes_to_unicode()

Ranks = dict[bytes, int]


def ranks(wheel: Path, name: str) -> Ranks:
    """The tokens of a vocabulary, each with its number, which is its rank as a merge as well."""
    with zipfile.ZipFile(wheel) as package:
        lines = package.read(name).splitlines()
    return {base64.b64decode(token): int(number) for token, number in (line.split() for line in lines if line)}


def written(token: bytes) -> str:
    return "".join(LETTER[byte] for byte in token)


def halves(token: bytes, known: Ranks) -> tuple[str, str] | None:
    """The two tokens of which byte-pair encoding makes this one; None of those that no merge makes."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        ranked = [known.get(left + right, len(known)) for left, right in pairwise(parts)]
        at = ranked.index(min(ranked))
        if ranked[at] >= known[token]:
            return None
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return (written(parts[0]), written(parts[1])) if len(parts) == 2 else None


def bare(known: Ranks, pattern: str, normalizer: normalizers.Normalizer | None) -> Tokenizer:
    """Byte-pair encoding without special tokens."""
    vocabulary = {written(token): number for token, number in known.items()}
    merges = [pair for token in sorted(known, key=known.__getitem__) if (pair := halves(token, known)) is not None]
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    if normalizer is not None:
        made.normalizer = normalizer
    words = pre_tokenizers.Split(Regex(pattern), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    made.decoder = decoders.ByteLevel()
    return made


def save(tokenizer: Tokenizer, special: list[str], template: str, start: str | None, end: str, out: Path) -> None:
    """Add special tokens, numbered from the end of the vocabulary, and what transformers wants to know."""
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=token not in PLAIN) for token in special])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=start, eos_token=end, pad_token=end)
    fast.chat_template = (TEMPLATES / f"{template}.jinja").read_text(encoding="utf-8")
    fast.save_pretrained(out)


def main(wheels: Path, out: Path) -> None:
    (qwen_wheel,), (llama_wheel,) = wheels.glob("dashscope-*.whl"), wheels.glob("llama_models-*.whl")
    qwen = bare(ranks(qwen_wheel, "dashscope/resources/qwen.tiktoken"), QWEN, normalizers.NFC())
    base = qwen.to_str()
    between = [f"<|{name}|>" for name in (
        "object_ref_start", "object_ref_end", "box_start", "box_end", "quad_start", "quad_end", "vision_start", "vision_end",
        "vision_pad", "image_pad", "video_pad",
    )]  # fmt: skip
    qwen3 = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *between, *TOOLS, "<think>", "</think>"]
    save(qwen, qwen3, "qwen3", None, "<|im_end|>", out / "qwen3")
    r1_qwen = [END, USER, REPLY, START, "<|EOT|>", "<think>", "</think>", *between[4:], *TOOLS[:8]]
    save(Tokenizer.from_str(base), r1_qwen, "deepseek_r1_distill", START, END, out / "r1_qwen")
    llama = bare(ranks(llama_wheel, "llama_models/llama3/tokenizer.model"), LLAMA3, None)
    reserved = [f"<|reserved_special_token_{number}|>" for number in range(3)]
    turns = [f"<|{name}|>" for name in ("start_header_id", "end_header_id", "eom_id", "eot_id", "python_tag")]
    r1_llama = [
        START, END, *reserved[:2], "<|finetune_right_pad_id|>", reserved[2], *turns, USER, REPLY, "<think>", "</think>",
    ]  # fmt: skip
    save(llama, r1_llama, "deepseek_r1_distill", START, END, out / "r1_llama")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
