"""Checkpoints: only what a manifest vouches for is gone on from, in the layout that it was written in, where there is room."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec.plugin import InvalidData, Ref, Solution, TrainingExample, TrainingJob, Unavailable
from cordspec_mini.models import CHECKPOINTS
from cordspec_train import commits, launching, preflight
from cordspec_train.deepspeed_sft import DeepSpeedSft, DeepSpeedSftOptions
from cordspec_train.sharing import Shares, shares

LAYOUT = {"processes": 2, "zero_stage": 3}


def checkpoint(root: Path, step: int, committed: bool = True) -> Path:
    directory = root / f"checkpoint-{step}"
    (directory / f"global_step{step}").mkdir(parents=True)
    (directory / f"global_step{step}" / "shard.pt").write_bytes(b"weights" * step)
    (directory / "latest").write_text(f"global_step{step}")
    if committed:
        commits.commit(directory, commits.Commit(step, step * 8, LAYOUT, commits.digests(directory)))
    return directory


def highest_number(root: Path, layout: commits.Layout) -> Path:
    """The mistake that is made elsewhere: the newest directory is believed to be a checkpoint."""
    return max(root.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")))


Chosen = Callable[[Path, commits.Layout], Path | None]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


HARM = {
    "unfinished": lambda made: (made / commits.COMMIT).unlink(),
    "shortened": lambda made: (made / "global_step12" / "shard.pt").write_bytes(b"w"),
    "one bit": lambda made: flip(made / "global_step12" / "shard.pt"),
    "lost": lambda made: (made / "latest").unlink(),
    "added": lambda made: (made / "global_step12" / "other.pt").write_bytes(b"pickle"),
    "torn manifest": lambda made: (made / commits.COMMIT).write_text('{"step": 12, "consu'),
}


def goes_on_from_the_last_good_one(chosen: Chosen, root: Path, harm: Callable[[Path], object]) -> None:
    good = checkpoint(root, 6)
    harm(checkpoint(root, 12))
    assert chosen(root, LAYOUT) == good


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_checkpoint_that_is_not_what_its_manifest_says_is_not_gone_on_from(tmp_path: Path, harm: Callable) -> None:
    goes_on_from_the_last_good_one(preflight.resumed, tmp_path / "right", harm)
    assert [path.name for path in (tmp_path / "right").iterdir()] == ["checkpoint-6"], "nobody can mistake it later"
    with pytest.raises(AssertionError):
        goes_on_from_the_last_good_one(highest_number, tmp_path / "wrong", harm)


def test_the_newest_good_checkpoint_and_its_predecessor_are_kept(tmp_path: Path) -> None:
    for step in (6, 12):
        checkpoint(tmp_path, step)
    checkpoint(tmp_path, 18, committed=False)
    assert preflight.resumed(tmp_path, LAYOUT) == tmp_path / "checkpoint-12"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-12", "checkpoint-6"]
    assert preflight.resumed(tmp_path / "none", LAYOUT) is None


def test_room_is_made_among_the_committed_ones_only(tmp_path: Path) -> None:
    for step in (6, 12, 100):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-of-mine").mkdir()
    checkpoint(tmp_path, 106, committed=False)
    commits.make_room(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-100",
        "checkpoint-106",
        "checkpoint-of-mine",
    ]


def test_the_work_of_hashing_is_shared(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, 6, committed=False)
    parts = [commits.digests(made, part, 3) for part in range(3)]
    assert {name for part in parts for name in part} == set(commits.digests(made))
    assert sum(map(len, parts)) == len(commits.digests(made)) == 2


def test_another_layout_is_refused_with_both_named(tmp_path: Path) -> None:
    checkpoint(tmp_path, 6)
    with pytest.raises(Unavailable, match=r"of step 6 .* with processes 2; this one has processes 1") as caught:
        preflight.resumed(tmp_path, {"processes": 1, "zero_stage": 3})
    assert caught.value.code == "E805" and str(tmp_path) in caught.value.help
    assert (tmp_path / "checkpoint-6" / commits.COMMIT).is_file(), "refused, not thrown away"


def test_a_disk_without_room_is_noticed_before_training(tmp_path: Path) -> None:
    base = CHECKPOINTS / "base"
    parameters = preflight.facts_of_directory(base).parameters
    assert parameters is not None
    needed = round(2.2 * 20 * parameters)
    preflight.room_for_checkpoints(base, tmp_path, "fp32", needed + 1)
    with pytest.raises(Unavailable, match=r"need 0\.0 GiB") as caught:
        preflight.room_for_checkpoints(base, tmp_path, "fp32", needed - 1)
    assert caught.value.code == "E804"
    made = checkpoint(tmp_path, 600)
    preflight.room_for_checkpoints(base, tmp_path, "fp32", needed - 1)  # what it replaces is room, too
    shutil.rmtree(made)


def test_a_machine_without_the_memory_for_what_is_offloaded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the trainer, before it starts anything; 16 bytes a weight are held on the one machine."""
    base = CHECKPOINTS / "base"
    parameters = preflight.facts_of_directory(base).parameters
    assert parameters is not None
    options = {"init": Ref("model", "m"), "data": Ref("decode", "d"), "ranks": 2, "batch_size": 2}
    one = TrainingExample("What is 2 + 2?", Solution("\n### Step 1. 2 + 2 = 4.", "\n\n4"))
    job = TrainingJob(base, [one], tmp_path / "model", tmp_path, 1, lambda _: None)
    monkeypatch.setattr(preflight, "free_memory", lambda: 16 * parameters - 1)
    with pytest.raises(Unavailable, match="what is held on the host needs") as caught:
        DeepSpeedSft(DeepSpeedSftOptions(**options, offload="optimizer")).train(job)
    assert caught.value.code == "E810" and not (tmp_path / "assignment.json").exists()

    class Began(Exception):
        pass

    def follow(*given: object) -> int:
        raise Began

    monkeypatch.setattr(launching, "follow", follow)
    for free, offload in ((16 * parameters, "optimizer"), (0, "none")):
        monkeypatch.setattr(preflight, "free_memory", lambda free=free: free)
        with pytest.raises(Began):
            DeepSpeedSft(DeepSpeedSftOptions(**options, offload=offload)).train(job)


def test_memory_is_that_of_the_container_where_it_has_less(tmp_path: Path) -> None:
    whole = preflight.free_memory(tmp_path)
    assert whole > 2**20
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 4000\n")
    for most, found in (("1001000\n", 1_000_000), ("max\n", None)):
        (tmp_path / "memory.max").write_text(most)
        seen = preflight.free_memory(tmp_path)
        assert seen == found if found else seen > 1_000_000


def test_a_manifest_says_what_was_consumed(tmp_path: Path) -> None:
    said = json.loads((checkpoint(tmp_path, 6) / commits.COMMIT).read_text())
    assert (said["step"], said["consumed"], said["layout"]) == (6, 48, LAYOUT)
    assert said["files"]["global_step6/shard.pt"][0] == 42


def test_a_batch_is_shared_equally_or_refused() -> None:
    assert shares(8, 1, 2, 4) == Shares(1, 2, 4, 1)
    assert shares(8, 1, 2, 1).accumulation == 4
    assert shares(32, 2, 8, 1) == Shares(2, 8, 1, 2)
    for nodes, ranks, micro in [(1, 3, 1), (1, 2, 8), (2, 8, 1)]:
        with pytest.raises(InvalidData, match="batch_size 8 is no multiple") as caught:
            shares(8, nodes, ranks, micro)
        assert caught.value.code == "E807"
