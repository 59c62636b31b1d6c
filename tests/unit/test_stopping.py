"""Stop strings after the first tokens, where the last of those ends inside a character."""

from __future__ import annotations

from collections.abc import Sequence

from cordspec_hf.stopping import StopWatch

BYTES = "🙂\n##".encode()


def decoded(ids: Sequence[int]) -> str:
    """A token a byte, and a mark for each byte of a character that is not whole, as byte-level tokenizers do it."""
    text = bytes(ids).decode(errors="surrogateescape")
    return "".join("\ufffd" if "\udc80" <= one <= "\udcff" else one for one in text)


def test_a_stop_right_after_a_character_that_was_cut_in_two_is_found() -> None:
    assert len(decoded(BYTES[:3])) == 3 > len("🙂")
    watch = StopWatch(("\n##",), 3, decoded, {})
    assert watch.find(list(BYTES)) == ("🙂", "\n##")
