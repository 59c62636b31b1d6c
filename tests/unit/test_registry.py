"""Discovery: a broken plugin fails only those who name it, two of one name are an error, nothing is imported early."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path

import pytest

from cordspec.extension.registry import Registry, RegistryError

GOOD = """
from cordspec.plugin import Options, Scorer, hookimpl
class O(Options):
    pass
class S(Scorer[O]):
    name = "{name}"
    {more}
    async def score(self, candidates):
        return [0.0 for _ in candidates]
@hookimpl
def cordspec_components():
    yield S
"""


def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> Registry:
    monkeypatch.syspath_prepend(str(tmp_path))
    points = []
    for name, text in modules.items():
        (tmp_path / f"plug_{name}.py").write_text(text)
        sys.modules.pop(f"plug_{name}", None)
        points.append(EntryPoint(f"scorer.{name}", f"plug_{name}", "cordspec"))
    return Registry(points)


def test_a_good_plugin_is_found_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(tmp_path, monkeypatch, good=GOOD.format(name="good", more="")).get("scorer", "good")
    assert found.name == "good" and found.options_type.__name__ == "O"


def plug(old: str = "", new: str = "", more: str = "") -> str:
    """The good plugin under the name `bad`, with one thing changed."""
    return GOOD.format(name="bad", more=more).replace(old, new) if old else GOOD.format(name="bad", more=more)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import no_such_module_at_all", "E302", "failed to load: ModuleNotFoundError"),
        ("def broken(:", "E302", "failed to load: SyntaxError"),
        ("raise SystemError('boom')", "E302", "failed to load: SystemError: boom"),
        ("", "E302", "does not define it"),
        (plug('"bad"', '"other"'), "E302", "does not define it"),
        (plug(more="api = 2"), "E304", "interface 2"),
        (plug(more="api = 0"), "E304", "interface 0"),
        (plug("    pass", "    model_config = {'extra': 'allow'}"), "E302", "refuse unknown keys"),
        (plug("    pass", "    model_config = {'frozen': False}"), "E302", "must be frozen"),
        (plug("yield S", "yield 3"), "E302", "no component class"),
        (plug("cordspec_components", "cordspec_component"), "E302", "unknown hook 'cordspec_component'"),
        (plug("yield S", "raise KeyError('x')"), "E302", "KeyError"),
    ],
)
def test_a_broken_plugin_is_named_and_takes_nobody_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: str, said: str
) -> None:
    both = registry(tmp_path, monkeypatch, bad=text, good=GOOD.format(name="good", more=""))
    with pytest.raises(RegistryError) as caught:
        both.get("scorer", "bad")
    assert caught.value.code == code and said in str(caught.value)
    assert both.get("scorer", "good").name == "good"


def test_two_plugins_of_one_name_are_refused() -> None:
    twice = [EntryPoint("scorer.same", "plug_one", "cordspec"), EntryPoint("scorer.same", "plug_two", "cordspec")]
    with pytest.raises(RegistryError, match="provided twice, by plug_one and plug_two"):
        Registry(twice).get("scorer", "same")


def test_a_name_of_another_kind_is_explained() -> None:
    with pytest.raises(RegistryError) as caught:
        Registry().get("scorer", "beam")
    assert caught.value.help == "`beam` is a search"


HEAVY = ["torch", "transformers", "vllm", "deepspeed", "trl", "datasets", "tokenizers", "numpy", "jax"]


def heavy(code: str) -> list[str]:
    """The heavy libraries that a piece of Python imports, in a process of its own."""
    probe = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


@pytest.mark.item("S2")
def test_nothing_heavy_is_imported_by_cordspec_by_validate_or_by_any_plugin_module(root: Path) -> None:
    assert heavy("import cordspec, cordspec.api, cordspec.plugin") == []
    assert heavy(f"from cordspec.cli.main import main; assert main(['validate', {str(root / 'specs')!r}]) == 0") == []
    every = "[r.get(*name.split('.', 1)) for name in r._found]"
    assert heavy(f"from cordspec.extension.registry import Registry; r = Registry(); assert len({every}) > 10") == []


def test_the_check_for_heavy_imports_can_fail() -> None:
    assert "torch" in heavy("import cordspec_hf.engine")


def test_what_a_distribution_says_of_itself_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads it from disk at every question, and each stage of a run asks for all that makes it."""
    installed, read = Registry(), []
    right = PathDistribution.read_text

    def counting(self: PathDistribution, name: str) -> str | None:
        read.append(name)
        return right(self, name)

    monkeypatch.setattr(PathDistribution, "read_text", counting)
    first = installed.provider("scorer", "predictive_perplexity")
    assert first.startswith("cordspec ") and read
    read.clear()
    assert (
        installed.provider("scorer", "predictive_perplexity") == first and installed.provider("search", "beam") == first
    )
    assert not read
