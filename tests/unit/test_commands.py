"""The commands that look at specs, as processes of their own in an empty directory."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from cordspec.diagnostics import Source
from cordspec.extension.registry import Registry
from cordspec.model import Experiment, resolve
from cordspec.model.schema import component_schema, spec_schema
from cordspec.model.showing import as_json, show

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.cord"))
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    return tmp_path / "specs"


def loaded(path: Path) -> Experiment:
    experiment, found = resolve(Source(str(path), path.read_text(encoding="utf-8")), Registry())
    assert experiment is not None, found
    return experiment


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_what_show_prints_means_the_same(path: Path) -> None:
    """After imports, `extends` and `like` in one file, with every value written out."""
    before = loaded(path)
    text = show(before, Registry(), origin=True)
    after, found = resolve(Source("shown.cord", text), Registry())
    assert after is not None, [one.message for one in found]
    pairs = list(zip(before.blocks.values(), after.blocks.values(), strict=True))
    for one, other in pairs:
        assert (one.kind, one.name.replace(".", "_"), one.component) == (other.kind, other.name, other.component)
        mine, theirs = one.options.model_dump_json(), other.options.model_dump_json()
        for block in before.blocks:
            mine = mine.replace(f'"{block}"', f'"{block.replace(".", "_")}"')
        assert mine == theirs


def test_show_says_where_every_value_comes_from(cordspec: Run, specs: Path) -> None:
    done = cordspec("show", "specs/homo_beam4.cord", "--origin", "--set", "beam4.samples=2")
    assert done.returncode == 0, done.stderr
    lines = {
        line.split("#")[0].strip(): line.split("#", 1)[1].strip() for line in done.stdout.splitlines() if "  # " in line
    }
    assert lines["samples  = 2"] == "--set"
    assert lines["teachers    = [qwq]"].startswith("specs/homo_beam4.cord:")
    assert (
        lines["size     = 4"].startswith("specs/hetero_beam4.cord:")
        or "specs/hetero_beam4.cord" in lines["size     = 4"]
    )
    default = next(said for line, said in lines.items() if line.split() == ["subset", "=", '""'])
    assert default.startswith("default of hub 1 (cordspec ")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_shown_spec_fits_the_schema_of_specs(path: Path) -> None:
    schema, broken = spec_schema(Registry())
    assert not broken
    jsonschema.Draft202012Validator.check_schema(schema)
    described = json.loads(json.dumps(as_json(loaded(path), Registry(), origin=True)))
    jsonschema.validate(described, schema)
    described["blocks"][0]["options"]["no_such_option"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(described, schema)


def test_every_component_has_a_schema_with_a_description_of_each_option() -> None:
    registry = Registry()
    for kind in ("problems", "model", "segmenter", "scorer", "search", "grader", "student", "eval"):
        for name in registry.names(kind):
            schema = component_schema(registry.get(kind, name))
            jsonschema.Draft202012Validator.check_schema(schema)
            for option, described in schema.get("properties", {}).items():
                assert described.get("description"), f"{kind}.{name}.{option}"


def test_references_and_units_are_in_the_schema(cordspec: Run) -> None:
    done = cordspec("schema", "scorer.predictive_perplexity")
    assert json.loads(done.stdout)["properties"]["prover"]["x-cordspec-reference"] == ["model", "student"]
    done = cordspec("schema", "segmenter.step_header")
    assert json.loads(done.stdout)["properties"]["max_step"]["x-cordspec-unit"] == "tokens"
    assert cordspec("schema", "search.beem").returncode == 2


def test_the_graph_in_four_forms(cordspec: Run, specs: Path) -> None:
    tree = cordspec("graph", "specs/hello.cord").stdout
    assert tree.splitlines()[0] == "hello"
    assert "decode traces" in tree and "search = beam4 : beam" in tree
    data = json.loads(cordspec("graph", "specs/hello.cord", "--format", "json").stdout)
    assert [(stage["kind"], stage["block"], stage["inputs"]) for stage in data["stages"]] == [
        ("problems", "shelves", []),
        ("decode", "traces", ["shelves"]),
        ("evaluate", "alone", ["shelves"]),
    ]
    assert "s0 --> s1" in cordspec("graph", "specs/hello.cord", "--format", "mermaid").stdout
    dot = cordspec("graph", "specs/hello.cord", "--format", "dot").stdout
    assert '"shelves" -> "traces"' in dot and dot.startswith("digraph") and dot.rstrip().endswith("}")


def test_init_writes_a_project_that_is_right_and_overwrites_nothing(cordspec: Run, tmp_path: Path) -> None:
    assert cordspec("init", "new").returncode == 0
    assert cordspec("validate", "new").returncode == 0
    assert cordspec("fmt", "--check", "new").returncode == 0
    (tmp_path / "new" / "experiment.cord").write_text("mine")
    again = cordspec("init", "new")
    assert again.returncode == 2 and "error[E119" in again.stderr
    assert (tmp_path / "new" / "experiment.cord").read_text() == "mine"


def test_doctor_says_whether_a_spec_could_run(cordspec: Run, specs: Path) -> None:
    assert cordspec("doctor").returncode == 0
    assert cordspec("doctor", "specs/hello.cord").returncode == 0
    cannot = cordspec("doctor", "specs/hetero_beam4.cord")
    assert cannot.returncode == 3 and "what `qwq`, `r1`, `phi4`, `r1_32b` would run on is not here" in cannot.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command(cordspec: Run, shell: str) -> None:
    script = cordspec("completion", shell).stdout
    for name in ("validate", "fmt", "plan", *(["--origin"] if shell != "tcsh" else [])):
        assert name in script


def test_the_completion_script_is_good_bash(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "complete.sh").write_text(cordspec("completion", "bash").stdout)
    check = 'source complete.sh; COMP_WORDS=(cordspec val); COMP_CWORD=1; _shtab_cordspec; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "validate", done.stderr


def test_explain_prints_a_page_and_lists_all(cordspec: Run) -> None:
    assert cordspec("explain", "e102").stdout.startswith("# E102: ")
    assert "W604  " in cordspec("explain").stdout
    unknown = cordspec("explain", "E999")
    assert unknown.returncode == 2 and "E117" in unknown.stderr


def test_fixes_are_made_where_they_mend(cordspec: Run, tmp_path: Path) -> None:
    spec = tmp_path / "t.cord"
    spec.write_text(
        "cord 1\nexperiment e { seed: 3 }\nsegmenter s : step_header { max_step = 2048 }\n"
        "search b : beem { size = '4' }\nproblems p : jsonl { path = 'a b.jsonl' }\n"
    )
    done = cordspec("validate", "--fix", "t.cord")
    assert done.returncode == 0, done.stdout + done.stderr
    assert spec.read_text() == (
        "cord 1\nexperiment e { seed= 3 }\nsegmenter s : step_header { max_step = 2048tok }\n"
        'search b : beam { size = 4 }\nproblems p : jsonl { path = "a b.jsonl" }\n'
    )
    assert "fixed t.cord:3:" in done.stderr


def test_what_cannot_be_mended_is_left_as_it_is(cordspec: Run, tmp_path: Path) -> None:
    spec = tmp_path / "t.cord"
    before = "cord 1\nexperiment e { seed = 0.5 }\n"
    spec.write_text(before)
    assert cordspec("validate", "--fix", "t.cord").returncode == 1
    assert spec.read_text() == before


def test_sarif_is_valid_by_the_public_schema(cordspec: Run, tmp_path: Path, specs: Path) -> None:
    (tmp_path / "specs" / "bad file,1.cord").write_text(
        "cord 1\nexperiment e { seed: 3 }\nsearch b : beem {}\nscorer p : predictive_perplexity { prover = x }\n"
    )
    done = cordspec("validate", "specs", "--format", "sarif")
    assert done.returncode == 1
    log = json.loads(done.stdout)
    schema = json.loads((ROOT / "tests" / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(log)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    wrong = next(one for one in run["results"] if one["ruleId"] == "E301")
    place = wrong["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "specs/bad%20file%2C1.cord"
    assert place["region"] == {"startLine": 3, "startColumn": 12, "endLine": 3, "endColumn": 16}
    assert wrong["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"] == "beam"


def test_a_mistake_keeps_its_fingerprint_when_it_moves(cordspec: Run, tmp_path: Path) -> None:
    prints = []
    for lines in ("", "\n\n# more\n"):
        (tmp_path / "t.cord").write_text(f"cord 1\nexperiment e {{}}\n{lines}search b : beem {{}}\n")
        log = json.loads(cordspec("validate", "t.cord", "--format", "sarif").stdout)
        prints.append(log["runs"][0]["results"][0]["partialFingerprints"])
    assert prints[0] == prints[1]


def test_a_file_of_blocks_for_others_is_right_by_itself(cordspec: Run, specs: Path) -> None:
    assert cordspec("validate", "specs/presets/math.cord").returncode == 0
    run = cordspec("run", "specs/presets/math.cord")
    assert run.returncode == 1 and "E104" in run.stderr


def test_every_command_has_help(cordspec: Run) -> None:
    from cordspec.cli.main import COMMANDS

    for name in COMMANDS:
        done = cordspec(name, "--help")
        assert done.returncode == 0 and "usage: cordspec" in done.stdout


@pytest.mark.parametrize(
    "setting",
    ["problems p : inventory { count = 1,000 }", "problems p : inventory { count = 4k }",
     "segmenter s : step_header { max_step = 2k }", "segmenter s : step_header { max_step = 2KiB }",
     "problems p : inventory { count = 5% }", "pool o { teachers = [a], temperature = .6 }",
     "pool o { teachers = [a], temperature = 0,6 }", "pool o { teachers = (a, b) }"],
)  # fmt: skip
def test_no_fix_is_made_that_could_change_what_is_meant(cordspec: Run, tmp_path: Path, setting: str) -> None:
    models = "model a : mini { name = adder }\nmodel b : mini { name = base }\n"
    before = f"cord 1\nexperiment e {{}}\n{models}{setting}\n"
    (tmp_path / "t.cord").write_text(before)
    done = cordspec("validate", "--fix", "t.cord")
    assert done.returncode == 1 and (tmp_path / "t.cord").read_text() == before


def test_a_spec_without_its_edition_is_told_so_and_given_it(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "t.cord").write_text("experiment e { seed = 3 }\n")
    assert "put `cord 1` above this" in cordspec("validate", "t.cord").stdout
    assert cordspec("validate", "--fix", "t.cord").returncode == 0
    assert (tmp_path / "t.cord").read_text() == "cord 1\n\nexperiment e { seed = 3 }\n"


def test_a_shown_default_is_still_no_promise(cordspec: Run, tmp_path: Path) -> None:
    """What `show` prints of a right spec is right: defaults that are written out are not held against the context."""
    text = "cord 1\nexperiment e {}\nproblems p : inventory { count = 2 }\nmodel a : mini { name = adder }\n"
    (tmp_path / "t.cord").write_text(text + "eval v : math_answers { model = a, problems = p }\n")
    (tmp_path / "shown.cord").write_text(cordspec("show", "t.cord").stdout)
    assert "max_tokens  = 32_768tok" in (tmp_path / "shown.cord").read_text()
    assert cordspec("validate", "shown.cord").returncode == 0
