"""`cordspec journal`: on runs of the real command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.journals import count_answers

Run = Callable[..., subprocess.CompletedProcess[str]]

SPEC = (Path(__file__).parents[2] / "specs" / "hello.cord").read_text()


def made(cordspec: Run, tmp_path: Path) -> Path:
    (tmp_path / "s.cord").write_text(SPEC)
    done = cordspec("run", "s.cord", "--out", "run", "--limit", "1", "--only", "traces", "--display", "plain")
    assert done.returncode == 0, done.stderr
    return tmp_path / "run"


def test_a_run_is_verified_and_its_damage_is_told_and_repaired(cordspec: Run, tmp_path: Path) -> None:
    run = made(cordspec, tmp_path)
    answers = count_answers(run)
    verified = cordspec("journal", "verify", "run")
    assert verified.returncode == 0 and f"{answers} answers, all as they were written" in verified.stdout
    rows = [json.loads(line) for line in cordspec("journal", "dump", "run").stdout.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)) and rows[0]["who"] == "attempt"

    content = (run / "run.db").read_bytes()
    place = content.index(b'{"text"') + 12  # in the text of an answer
    (run / "run.db").write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    refused = cordspec("journal", "verify", "run")
    assert refused.returncode == 6 and "error[E701]" in refused.stderr and "fails its checksum" in refused.stderr
    again = cordspec("run", "s.cord", "--out", "run", "--limit", "1", "--only", "traces")
    assert again.returncode == 6 and "journal repair --dry-run run" in again.stderr

    dry = cordspec("journal", "repair", "--dry-run", "run")
    assert dry.stdout == f"would keep {len(rows) - 1} of {len(rows)} rows; lost: 1\n"
    assert cordspec("journal", "repair", "run").stdout == f"kept {len(rows) - 1} of {len(rows)} rows; lost: 1\n"
    assert cordspec("journal", "verify", "run").returncode == 0 and (run / "run.db.damaged-1").exists()
    assert (
        cordspec("run", "s.cord", "--out", "run", "--limit", "1", "--only", "traces", "--display", "plain").returncode
        == 0
    )

    # a stage that was changed together with its receipt
    receipt = next((run / "stages").glob("decode-*/artifact.json"))
    receipt.write_text(receipt.read_text() + "\n")
    done = cordspec("journal", "verify", "run")
    assert done.returncode == 6 and "error[E706]" in done.stderr


def test_no_journal_is_told(cordspec: Run) -> None:
    for action in (("verify",), ("repair",), ("dump",)):
        done = cordspec("journal", *action, "nowhere")
        assert done.returncode == 2 and "error[E708]" in done.stderr
