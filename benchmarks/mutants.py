"""Bugs to plant one at a time: what is replaced by what, and the tests that must notice. `mutations.py` plants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mutant:
    """``before``, which stands in ``file`` exactly once, becomes ``after``; ``tests`` are what has to fail then."""

    bug: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


KEYS: Final = ("tests/unit/test_key_sensitivity.py",)
GATEWAY: Final = ("tests/unit/test_gateway.py", "tests/durability/test_kills.py::test_a_sample_of_kills[beam]")
DAMAGE: Final = ("tests/unit/test_journal_damage.py",)
RESUMING: Final = ("tests/unit/test_resuming.py",)
DISK: Final = ("tests/unit/test_failing_disk.py",)
STORE: Final = ("tests/unit/test_journal_and_store.py",)
KILLS: Final = tuple(
    f"tests/durability/test_kills.py::test_a_sample_of_kills[{search}]" for search in ("beam", "mcts", "integration")
)
ORDER: Final = ("tests/durability/test_order.py::test_a_sample_of_orders",)

MUTANTS: Final = (
    Mutant(
        "a key does not hold the model",
        "cordspec/journal/keys.py",
        "content = [FORMAT, model, type(request)",
        "content = [FORMAT, type(request)",
        KEYS,
    ),
    Mutant(
        "a key does not hold the seed",
        "cordspec/journal/keys.py",
        "for name in slots}",
        'for name in slots if name != "seed"}',
        KEYS,
    ),
    Mutant(
        "a score's key does not hold the prefix",
        "cordspec/journal/keys.py",
        "return [_plain(one) for one in value]",
        "return [_plain(one) for one in value[:2]]",
        KEYS,
    ),
    Mutant(
        "a request's seed does not hold the last part of its purpose",
        "cordspec/run/seeds.py",
        "json.dumps([seed, *purpose]",
        "json.dumps([seed, *purpose[:-1]]",
        KEYS,
    ),
    Mutant(
        "a decode is known without the experiment's seed",
        "cordspec/plan/build.py",
        "if block.kind in SEEDED:",
        'if block.kind in SEEDED - {"decode"}:',
        KEYS,
    ),
    Mutant(
        "what the journal knows is asked again",
        "cordspec/run/gateway.py",
        "known = self._committer.journal.get([key]).get(key)",
        "known = self._committer.journal.get([]).get(key)",
        GATEWAY,
    ),
    Mutant(
        "an answer is used before it is kept",
        "cordspec/run/gateway.py",
        "await self._committer.put((key, self._fingerprint, answer, seconds))",
        '__import__("asyncio").ensure_future(self._committer.put((key, self._fingerprint, answer, seconds)))',
        GATEWAY,
    ),
    Mutant(
        "whoever waits is told that an answer is kept though writing failed",
        "cordspec/journal/committer.py",
        "told.set_exception(error)",
        "told.set_result(None)",
        DISK,
    ),
    Mutant(
        "of answers that come together only the last is kept",
        "cordspec/journal/committer.py",
        "        self._rows.append(row)\n        if",
        "        self._rows = [row]\n        if",
        GATEWAY,
    ),
    Mutant(
        "a write that failed is tried again",
        "cordspec/journal/journal.py",
        "            raise self._failed\n        rows: dict[bytes, Row] = {}\n",
        "            pass\n        rows: dict[bytes, Row] = {}\n",
        DISK,
    ),
    Mutant(
        "commits are not synced",
        "cordspec/journal/journal.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = OFF",
        DISK,
    ),
    Mutant(
        "a row's checksum does not cover the answer",
        "cordspec/journal/rows.py",
        "hashlib.blake2b(head + text.encode(), ",
        "hashlib.blake2b(head, ",
        DAMAGE,
    ),
    Mutant(
        "what is wrong with the rows is found and not told",
        "cordspec/journal/journal.py",
        "if checked.wrong:",
        "if not checked:",
        DAMAGE,
    ),
    Mutant(
        "rows that are gone leave no trace: the mark is not written",
        "cordspec/journal/journal.py",
        "self._beside.mark.write(self._rows)",
        "pass",
        DAMAGE,
    ),
    Mutant(
        "good rows after a bad page of the log are dropped",
        "cordspec/journal/journal.py",
        "if log.broken:",
        "if not log:",
        DAMAGE,
    ),
    Mutant(
        "what was under way at a kill is forgotten",
        "cordspec/journal/journal.py",
        "lost = sorted(beside.asked.found - known.keys())",
        "lost = sorted(beside.asked.found & known.keys())",
        RESUMING,
    ),
    Mutant(
        "a resumed run may decide otherwise",
        "cordspec/run/decisions.py",
        "elif known[0] != row[2]:",
        "elif known[0] is None:",
        RESUMING,
    ),
    Mutant(
        "a stage is written where it is seen",
        "cordspec/artifacts/store.py",
        'final.with_name(f".{stage_id}.partial")',
        'final.with_name(f"{stage_id}.partial")',
        KILLS,
    ),
    Mutant(
        "a file at the top is written in its place",
        "cordspec/artifacts/store.py",
        'partial = self.path / f".{name}.partial"',
        "partial = self.path / name",
        KILLS,
    ),
    Mutant(
        "a stage's files are not compared with its receipt",
        "cordspec/artifacts/store.py",
        "if not path.is_file() or _digest(path) != digest:",
        "if not path.is_file():",
        STORE,
    ),
    Mutant(
        "problems stand in the order in which they ended",
        "cordspec/artifacts/ordered.py",
        "in sorted(self._places.items()):",
        "in self._places.items():",
        ORDER,
    ),
    Mutant(
        "lengths are counted in characters and used as bytes",
        "cordspec/artifacts/ordered.py",
        "(self._heap.tell(), len(content))",
        "(self._heap.tell(), len(text))",
        KILLS,
    ),
    Mutant(
        "candidates stand in the order of arrival",
        "cordspec/run/waves.py",
        "answered = [self._answered[expansion.number] for expansion in self._expansions]",
        "answered = list(self._answered.values())",
        ORDER,
    ),
    Mutant(
        "that a run went on without a teacher is not kept",
        "cordspec/run/attendance.py",
        "self.journal.put(rows)",
        "pass",
        ("tests/unit/test_attendance.py",),
    ),
    Mutant(
        "an answer without an end is taken",
        "plugins/cordspec_api/replies.py",
        "if not isinstance(text, str | None) or finish not in FINISHES:",
        "if not isinstance(text, str | None):",
        ("tests/real/test_openai.py",),
    ),
    Mutant(
        "answers that were paid for are asked for again when another request failed",
        "plugins/cordspec_api/engine.py",
        "if request in self._paid:",
        "if request not in self._paid and request in self._paid:",
        ("tests/real/test_openai.py",),
    ),
    Mutant(
        "a sibling with the same score is a loser",
        "cordspec/artifacts/choices.py",
        "if difference_of(chosen, one) > 0)",
        "if difference_of(chosen, one) >= 0)",
        ("tests/real/test_export.py::test_which_siblings_lose",),
    ),
    Mutant(
        "several steps at once are labelled as one",
        "cordspec/report/export/comparisons.py",
        "if loser.text and lengths.get(loser.candidate) == choice.depth + 1:",
        "if loser.text:",
        ("tests/real/test_export.py::test_only_single_steps_are_labelled_false",),
    ),
    Mutant(
        "a lock that a dead process leaves behind for a moment is not waited for",
        "cordspec/journal/lease.py",
        "if named is None or named.alive is not False or time.monotonic() > until:",
        "if True:",
        ("tests/unit/test_lease.py",),
    ),
)
