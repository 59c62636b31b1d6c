"""The two vocabularies of the miniature: byte-level BPE that splits numbers into digits, or keeps two digits together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Vocabulary = Literal["digits", "pairs"]
END, PAD = "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}Question: {{ message['content'] }}\n"
    "{% else %}{{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
)
_NUMBER = {"digits": r" ?\d", "pairs": r" ?\d{1,2}"}
SIZE = 700


def train_vocabulary(vocabulary: Vocabulary, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer learnt from ``texts``; any text at all can be encoded, byte by byte where need be."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    pattern = rf"{_NUMBER[vocabulary]}| ?[A-Za-z]+|\n+(?:###)?| ?[^\sA-Za-z\d]|\s"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(text, special=True, normalized=False) for text in (END, PAD, "<think>", "</think>")]
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, padding_side="left")
    fast.chat_template = CHAT_TEMPLATE
    return fast
