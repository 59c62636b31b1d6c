"""S8 to S10, S26: weights, journals, archives and run directories of strangers; what a run leaves for others to read."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts import store
from cordspec.artifacts.manifest import StageEntry, read_manifest
from cordspec.artifacts.store import RunDirectory
from cordspec.cli.main import main
from cordspec.errors import IntegrityError, UsageError
from cordspec.journal import Journal
from cordspec.model import library
from cordspec.plugin import InvalidData, Unavailable
from cordspec_hf import headers, known_models
from cordspec_hf.headers import LARGEST_HEADER, read_header, weight_files
from cordspec_hf.known_models import facts_of_directory
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS
from cordspec_std.problems.jsonl import JsonLines, JsonLinesOptions
from tests.security.conftest import Finished
from tests.security.hostile_databases import DATABASES


class Payload:
    """Writes a marker where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.marker,))


def model(directory: Path) -> TransformersModel:
    return TransformersModel(TransformersModelOptions(weights=str(directory)))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A directory with all of a model but its weights."""
    made = tmp_path / "model"
    shutil.copytree(CHECKPOINTS / "adder", made, ignore=shutil.ignore_patterns("*.safetensors"))
    return made


def save_zip(path: Path, payload: object) -> None:
    """As `torch.save` writes it: an archive with a pickle."""
    import torch

    torch.save({"w": payload}, path)


@pytest.mark.item("S8")
@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.safetensors", "x.safetensors"]
)
@pytest.mark.parametrize("as_zip", [False, True], ids=["pickle", "torch archive"])
def test_a_pickle_is_not_read_under_any_name(checkpoint: Path, tmp_path: Path, name: str, as_zip: bool) -> None:
    marker = tmp_path / "marker"
    if as_zip:
        save_zip(checkpoint / name, Payload(marker))
    else:
        (checkpoint / name).write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(Unavailable, match=r"no \.safetensors file|is no safetensors file"):
        model(checkpoint).open()
    assert not marker.exists()
    with (checkpoint / name).open("rb") as file:  # the payload works
        if not as_zip:
            pickle.load(file)
    assert as_zip or marker.exists()


@pytest.mark.item("S8")
def test_a_pickle_beside_right_weights_is_ignored(checkpoint: Path, tmp_path: Path) -> None:
    """Weights of an odd name leave `transformers` nothing to load but the pickle, which it is told not to."""
    marker = tmp_path / "marker"
    (checkpoint / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(marker)))
    shutil.copy(CHECKPOINTS / "adder" / "model.safetensors", checkpoint / "odd.safetensors")
    with pytest.raises(OSError, match="safetensors"):
        model(checkpoint).open()
    assert not marker.exists()


def header(content: bytes, length: int | None = None, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content + data


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
HEADERS: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "shorter than its header"),
    "half a length": (b"\x01\x00", "shorter than its header"),
    "an endless header": (header(b"{}", 2**63), "the limit is"),
    "a header beyond the cap": (header(b"{}", LARGEST_HEADER + 1), "the limit is"),
    "a header beyond the file": (header(b"{}", 1_000), "shorter than its header"),
    "no JSON": (header(b"\xff\xfe{"), "not JSON"),
    "a list": (header(b"[1]"), "not JSON"),
    "deep JSON": (header(b"[" * 200_000), "not JSON"),
    "too many tensors": (header(json.dumps({f"t{n}": ONE for n in range(101)}).encode(), data=b"\0" * 4), "limit is 100"),
    "a tensor outside": (header(json.dumps({"t": ONE | {"data_offsets": [0, 4096]}}).encode()), "outside the file"),
    "offsets the wrong way": (header(json.dumps({"t": ONE | {"data_offsets": [4, 0]}}).encode()), "outside the file"),
    "negative extent": (header(json.dumps({"t": ONE | {"shape": [-1]}}).encode()), "not described"),
    "a tensor that is none": (header(json.dumps({"t": "x"}).encode()), "not described"),
    "one offset": (header(json.dumps({"t": ONE | {"data_offsets": [0]}}).encode()), "not described"),
}  # fmt: skip


@pytest.mark.item("S8")
@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_read_with_limits(name: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MOST_TENSORS", 100)
    content, said = HEADERS[name]
    (checkpoint / "model.safetensors").write_bytes(content)
    with pytest.raises(Unavailable, match=said):
        weight_files(checkpoint)
    assert facts_of_directory(checkpoint).parameters is None


@pytest.mark.item("S8")
def test_right_weights_pass_and_the_cap_is_what_stops_a_large_header(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the cap a header of any length is read: a seeded bug."""
    good = CHECKPOINTS / "adder"
    assert weight_files(good) == [good / "model.safetensors"] and read_header(good / "model.safetensors")
    large = json.dumps({"t": ONE, "__metadata__": {"x": "y" * LARGEST_HEADER}}).encode()
    (checkpoint / "model.safetensors").write_bytes(header(large, data=b"\0" * 4))
    with pytest.raises(Unavailable, match="the limit is"):
        weight_files(checkpoint)
    monkeypatch.setattr(headers, "LARGEST_HEADER", 2**63)
    assert weight_files(checkpoint)


@pytest.mark.item("S8")
def test_a_configuration_of_a_model_is_read_with_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CHECKPOINTS / "adder", tmp_path / "a")
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    (tmp_path / "a" / "config.json").write_text(json.dumps({"padding": "x" * 2**20, **config}))
    assert facts_of_directory(tmp_path / "a").parameters is None
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(known_models, "LARGEST_CONFIG", 2**30)
    assert facts_of_directory(tmp_path / "b").parameters


@pytest.mark.item("S9")
@pytest.mark.parametrize("name", DATABASES)
def test_a_journal_of_a_stranger_is_refused(name: str, tmp_path: Path) -> None:
    DATABASES[name](tmp_path / "run.db")
    before = (tmp_path / "run.db").read_bytes()
    with pytest.raises(IntegrityError, match=r"E70[14]"), Journal(tmp_path / "run.db", looking=True) as journal:
        journal.get([b"d" * 32])  # what a text is made of is looked at when it is used
    assert (tmp_path / "run.db").read_bytes() == before, "it was changed"


@pytest.mark.item("S9", "S11")
@pytest.mark.parametrize("stage", ["../../outside", "..", "", "/etc", "a/b", ".", "x/../../y"])
def test_a_manifest_of_a_stranger_leads_nowhere(stage: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no stage"):
        StageEntry("decode", "traces", stage, "", 0.0, "")
    raw = {
        "experiment": "e", "doc": "", "seed": 1, "sets": [], "limit": None, "versions": {}, "blocks": {}, "engine": {},
        "schema_version": 1,
        "stages": [{"kind": "decode", "block": "t", "id": stage, "fingerprint": "", "seconds": 1, "summary": ""}],
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(UsageError):
        read_manifest(tmp_path)
    raw["stages"][0]["id"] = "decode-t-0123"  # type: ignore[index]
    (tmp_path / "manifest.json").write_text(json.dumps(raw))
    assert read_manifest(tmp_path).stages[0].id == "decode-t-0123"


@pytest.mark.item("S11")
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", ".", "fifo"])
def test_problems_come_from_regular_files_only(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unavailable, match="not a regular file"):
        list(JsonLines(JsonLinesOptions(path=path)).load())


@pytest.mark.item("S12")
def test_what_is_no_problem_file_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("TOP-SECRET-LINE\n" * 3)
    with pytest.raises(InvalidData) as caught:
        list(JsonLines(JsonLinesOptions(path=str(tmp_path / "secret"))).load())
    assert "TOP-SECRET" not in str(caught.value) + caught.value.help


def modes(directory: Path) -> dict[str, int]:
    """What others than the owner may do with each thing in a directory, the directory itself included."""
    every = [directory, *directory.rglob("*")]
    return {str(one): stat.S_IMODE(one.lstat().st_mode) for one in every if stat.S_IMODE(one.lstat().st_mode) & 0o077}


@pytest.mark.item("S26")
def test_what_a_run_leaves_is_the_owners_whatever_the_umask(finished: Finished) -> None:
    for made in (finished.run, finished.data):
        assert len(list(made.rglob("*"))) > 8
        assert modes(made) == {}


@pytest.mark.item("S26")
@pytest.mark.parametrize("bug", ["", "files of 0644", "directories of 0755"])
def test_files_of_other_modes_are_seen(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the library, without the command line's own umask."""
    if bug.startswith("files"):
        monkeypatch.setattr(store, "OWN_FILE", 0o644)
    elif bug:
        monkeypatch.setattr(store, "OWN_DIRECTORY", 0o755)
    before = os.umask(0)
    try:
        run = RunDirectory(tmp_path / "run")
        run.create()
        with run.writing("decode-x-01") as out:
            (out / "inner").mkdir()
            (out / "inner" / "made by a library").write_text("x")
            store.write_text(out / "records.jsonl", "{}\n")
        run.write("manifest.json", "{}")
        api.write_text(tmp_path / "spec.lock", "what is the user's own has the user's permissions")
    finally:
        os.umask(before)
    assert bool(modes(tmp_path / "run")) == bool(bug)
    assert stat.S_IMODE((tmp_path / "spec.lock").stat().st_mode) == 0o666


@pytest.mark.item("S26")
def test_a_link_in_a_stage_changes_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o644)
    run = RunDirectory(tmp_path / "run")
    run.create()
    with run.writing("train-x-01") as out:
        (out / "link").symlink_to(outside)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


@pytest.mark.item("S26")
def test_no_name_of_a_file_comes_from_a_problem_or_a_model(finished: Finished) -> None:
    """Nothing appears beside the run, and in it only names that cordspec made."""
    new = {path for path in finished.home.parent.rglob("*") if finished.run not in path.parents} - finished.before
    assert {path for path in new if finished.data not in path.parents} == {finished.run, finished.data}
    made = [str(path.relative_to(finished.run)) for path in finished.run.rglob("*")]
    assert len(made) > 15
    assert [name for name in made if not re.fullmatch(r"[A-Za-z0-9_./-]+", name)] == []
    assert not [name for name in made if "escape" in name]


Maker = Callable[[Path], None]


@pytest.mark.item("S9")
def test_there_are_twelve_hostile_databases_and_each_is_another(tmp_path: Path) -> None:
    made: dict[str, Maker] = dict(DATABASES)
    assert len(made) >= 12
    contents = set()
    for number, (name, build) in enumerate(made.items()):
        path = tmp_path / f"{number}.db"
        build(path)
        assert path.is_file(), name
        contents.add(path.read_bytes())
    assert len(contents) == len(made)


@pytest.mark.item("S10")
def test_an_archive_is_no_run_and_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is unpacked: there is no command that takes an archive. See the lint of what is imported."""
    shutil.make_archive(str(tmp_path / "evil"), "zip", CHECKPOINTS / "adder")
    for command in (["report", str(tmp_path / "evil.zip")], ["validate", str(tmp_path / "evil.zip")]):
        assert main(command) != 0
    with pytest.raises(Unavailable, match=r"config\.json"):
        model(tmp_path / "evil.zip").open()
    capsys.readouterr()


@pytest.mark.item("S11", "S12")
@pytest.mark.parametrize("bug", ["", "links are followed out"])
def test_a_link_out_of_the_project_is_refused_unread(
    bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the check of the real path taken out, as a seeded bug, the file is read and its line is printed."""
    outside, project = tmp_path / "outside.cord", tmp_path / "project"
    outside.write_text("cord 1\nTOP-SECRET-LINE = = =\n")
    (project / ".git").mkdir(parents=True)
    (project / "link.cord").symlink_to(outside)
    (project / "main.cord").write_text('cord 1\nimport "link.cord" as x\nexperiment e {}\n')
    if bug:
        monkeypatch.setattr(library, "project_root", lambda _: Path("/"))
    assert main(["validate", str(project / "main.cord")]) == 1
    out, err = capsys.readouterr()
    assert ("TOP-SECRET" in out + err) == bool(bug)
