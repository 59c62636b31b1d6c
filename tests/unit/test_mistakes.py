"""Slips of the hand, newcomers' specs and noise: one mistake is one message, near its place, and nothing ever fails."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cordspec.diagnostics import Diagnostic, Source, render
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from tests.unit.mutants import Mutant, mutants
from tests.unit.timing import within

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.cord"))
NEWCOMERS = sorted((ROOT / "tests" / "newcomers").glob("*.cord"))


def diagnose(path: Path, text: str, registry: Registry) -> list[Diagnostic]:
    with within(2.0, text):  # the bar is 1 s on an idle machine; this one is shared
        return resolve(Source(str(path), text), registry, library=True)[1]


def near(found: list[Diagnostic], source: Source, mutant: Mutant) -> bool:
    """Whether a range, or a related one, lies within a line of the change."""
    line = source.position(min(mutant.at, len(mutant.text)))[0]
    spans = [span for one in found for span in (one.span, *(label.span for label in one.related)) if span]
    return any(
        span.source.name == source.name and span.line - 1 <= line <= span.source.position(span.end)[0] + 1
        for span in spans
    )


def judged(paths: list[Path], every: int) -> tuple[int, float, float]:
    """How many mutants became invalid; the shares with at most two errors, and with one near the change."""
    registry = Registry()
    invalid = few = close = 0
    for path in paths:
        for mutant in list(mutants(path.read_text(encoding="utf-8")))[::every]:
            found = [one for one in diagnose(path, mutant.text, registry) if one.severity == "error"]
            if found:
                invalid += 1
                few += len(found) <= 2
                close += near(found, Source(str(path), mutant.text), mutant)
    return invalid, few / invalid, close / invalid


def alone(expression: str) -> list[float]:
    """The numbers that an expression of this module gives in a fresh process, and that process' largest memory in MiB.

    ``VmHWM``, since ``ru_maxrss`` is inherited from the process that started it.
    """
    code = f"from tests.unit import test_mistakes as here; print(*eval({expression!r}, vars(here)))"
    code += "; print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    *numbers, peak = map(float, done.stdout.split())
    return [*numbers, peak / 1024]


def test_a_slip_of_one_token_is_one_or_two_messages_near_its_place() -> None:
    invalid, few, close = judged(SPECS, every=23)
    assert invalid > 150
    assert few >= 0.90 and close >= 0.95, (invalid, few, close)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_every_slip_of_one_token_in_every_shipped_spec(capsys: pytest.CaptureFixture[str]) -> None:
    """In a process of its own: another test's engines, threads and heap are no business of a parser."""
    invalid, few, close = alone("judged(SPECS, every=1)")[:3]
    with capsys.disabled():
        print(f"\n{invalid} invalid mutants: {few:.1%} with at most two messages, {close:.1%} with one near the change")
    assert invalid > 3_000
    assert few >= 0.90 and close >= 0.95


@pytest.mark.parametrize("path", NEWCOMERS, ids=lambda path: path.stem)
def test_a_newcomers_spec_is_told_its_fix(path: Path) -> None:
    """The first lines of each file say which message names which fix."""
    text = path.read_text(encoding="utf-8")
    wanted = [line.removeprefix("# expect: ") for line in text.splitlines() if line.startswith("# expect: ")]
    assert wanted
    found = [one for one in resolve(Source(path.name, text), Registry())[1] if one.severity == "error"]
    shown = render(found, "text")
    for fix in wanted:
        assert fix in shown, shown
    assert len(found) <= len(wanted) + 1, shown


def test_there_are_enough_newcomers() -> None:
    assert len(NEWCOMERS) >= 20


ALPHABET = [
    *"{}[]=:,.\"'`#%@/;\\\n\t \r0159abcxyzE+-_<>|&$!?*()~^", "cord 1\n", "experiment", "search", "like", "let", "import",
    "extends", "true", '"""', "..", "tok", "GiB", "beam", "\u202e", "\u00e9", "\ufeff", "\x00", "\x1b", "\U0001f600", "9" * 50,
    "a" * 300, "[" * 70, "{" * 70,
]  # fmt: skip


def noise(rng: random.Random) -> str:
    """A text of one of three sorts: noise, a spec with noise in it, or pieces of specs in disorder."""
    match rng.randrange(3):
        case 0:
            return "".join(rng.choices(ALPHABET, k=rng.randrange(1, 200)))
        case 1:
            text = rng.choice(TEXTS)
            for _ in range(rng.randrange(1, 12)):
                at = rng.randrange(len(text))
                text = text[:at] + "".join(rng.choices(ALPHABET, k=rng.randrange(1, 4))) + text[at + rng.randrange(5) :]
            return text
        case _:
            pieces = [
                piece for text in rng.choices(TEXTS, k=2) for piece in text.split(rng.choice(["\n", " ", "{", "="]))
            ]
            return rng.choice([" ", "\n", "{", "= "]).join(rng.choices(pieces, k=rng.randrange(1, 60)))


TEXTS = [path.read_text(encoding="utf-8") for path in SPECS]


def fuzz(count: int, seed: int) -> float:
    """Look at so many texts; the longest of them in seconds."""
    rng = random.Random(seed)
    registry = Registry()
    longest = 0.0
    for number in range(count):
        text = noise(rng)
        begin = time.thread_time()
        found = resolve(Source("fuzz.cord", text), registry)[1]
        longest = max(longest, time.thread_time() - begin)
        for one in found:
            assert one.span is None or 0 <= one.span.start <= one.span.end <= len(one.span.source.text) + 1, (
                seed,
                number,
            )
        shown = render(found, "text")
        if number % 20 == 0:
            again = render(resolve(Source("fuzz.cord", text), registry)[1], "text")
            assert shown == again, (seed, number)
    return longest


def test_words_the_wrong_way_round_are_shown_from_first_to_last() -> None:
    """Found by noise: a name before its kind gave a place that ended before it began."""
    text = (
        '\nlength\n\n0.7,\n2\nstep_header\n".models/smollm2"\n\n:\nsteps\n{\n\nit\n=\nengines`\n\nfar\nmax_tokens\n\n\nonce\n\n\n2,\n'
        "0.7,\npackage.\nit\nmodel\n{\n\n[0.4,\n{\n\ncount\n\n\n{\n\n2..2\ndecode,"
    )
    found = resolve(Source("t.cord", text), Registry())[1]
    assert found and all(one.span is None or one.span.start <= one.span.end for one in found)


def test_noise_gives_diagnostics_and_nothing_else() -> None:
    assert fuzz(600, seed=1) < 2.0


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_twenty_thousand_texts_of_noise(capsys: pytest.CaptureFixture[str]) -> None:
    """In a process of its own, whose memory is that of the language alone."""
    longest, peak = alone("(fuzz(20_000, seed=2),)")
    with capsys.disabled():
        print(f"\n20,000 texts: the longest took {longest:.2f} s; {peak:.0f} MiB at most")
    assert longest < 1.5  # the bar is 1 s on an idle machine; this one is shared
    assert peak < 256
