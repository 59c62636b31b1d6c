"""What hostile problems and models write in the run that these tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SPEC = """cord 1
experiment small { seed = 5, in_flight = 4 }
problems p : jsonl { path = "p.jsonl" }
model adder  : mini { name = adder }
model prover : mini { name = prover }
pool one { teachers = [adder, prover], temperature = 0.8 }
segmenter steps : step_header { max_step = 16tok }
scorer pp : predictive_perplexity { prover = prover }
search beam2 : beam { size = 2 }
decode traces {
  problems = p, pool = one, segmenter = steps, scorer = pp, search = beam2, keep = all
  budget = { thinking = 200tok, answer = 16tok }
}
eval alone : math_answers { model = adder, problems = p, samples = 1, max_tokens = 16tok }
"""
NAMES = [
    "../../escape",
    "/tmp/escape",
    "a\0b",
    "a\nb",
    "..",
    "con",
    "$(id)",
    "`id`",
    "-rf",
    "~root",
    "\x1b[31m",
    "::error::x",
]
"""Texts that would do harm as the name of a file, or as a line of output."""
ESC = "\x1b"
SEQUENCES = [
    # colours, cursor, screens, modes
    *(f"{ESC}[{one}" for one in ("31m", "0m", "38;5;196m", "38;2;1;2;3m", "2J", "3J", "H", "1;1H", "10A", "10B", "10C", "10D", "2K", "s",
                                 "u", "?25l", "?1049h", "?1000h", "?2004h", "6n", "c", ">c", "5i", "4i", "r", "20h", "!p", "1;5R")),
    # titles, links, clipboard, palette, notifications, sizes of windows
    *(f"{ESC}]{one}" for one in ("0;t\x07", "2;t\x07", "8;;http://x\x07", f"8;;http://x{ESC}\\", "52;c;ZXZpbA==\x07", "4;1;rgb:0/0/0\x07",
                                 "9;x\x07", "777;notify;a;b\x07", "1337;File=:x\x07", "50;x\x07", "10;?\x07", f"133;A{ESC}\\")),
    f"{ESC}[8;100;100t", f"{ESC}[21t", f"{ESC}[18t",
    # device control, strings, charsets, resets
    f"{ESC}P1$r0m{ESC}\\", f"{ESC}P+q544e{ESC}\\", f"{ESC}_Gf=100;x{ESC}\\", f"{ESC}^x{ESC}\\", f"{ESC}Xx{ESC}\\", f"{ESC}c", f"{ESC}7",
    f"{ESC}8", f"{ESC}(0", f"{ESC}#8", f"{ESC}=", f"{ESC}>", f"{ESC}M", f"{ESC}D", f"{ESC}E", f"{ESC}N", f"{ESC}%G", ESC,
    # the same by single characters
    "\x9b31m", "\x9d0;t\x9c", "\x90x\x9c", "\x85", "\x8d", "\x84", "\x9f", "\x98",
    # controls
    "\x00", "\x05", "\x07", "\x08", "\x0b", "\x0c", "\r", "\x0e", "\x0f", "\x7f", "\x1a",
    # what turns direction, hides or ends lines
    "\u202e", "\u202a", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\u2028", "\u2029", "\ufeff", "\ue000", "\U000e0041",
    # markup of rich
    "[link=http://x]y[/link]", "[/]", "[bold]x", "[red]",
]  # fmt: skip
COMMAND_LINES = [
    "::add-mask::x", "::error::x", "::warning file=a::x", "::stop-commands::x", "::set-output name=a::b", "::save-state name=a::b",
    "::group::x", "::debug::x", "  ::error::x", "\t::error::x", "\u2003::error::x", "##[error]x", "x ##[set-env name=a]b", "##vso[task.x]y",
]  # fmt: skip


def files(directory: Path) -> Iterator[Path]:
    return (file for file in directory.rglob("*") if file.is_file())
