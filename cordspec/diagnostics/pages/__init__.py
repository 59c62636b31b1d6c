"""One page for each diagnostic code: what it means, an example that gives it, and the same mended."""

from __future__ import annotations

from importlib.resources import files


def codes() -> list[str]:
    """All codes, sorted."""
    return sorted(file.name.removesuffix(".md") for file in files(__name__).iterdir() if file.name.endswith(".md"))


def page(code: str) -> str:
    """The page of a code, in Markdown.

    Raises:
        KeyError: there is no such code.
    """
    if code not in codes():
        raise KeyError(code)
    return files(__name__).joinpath(f"{code}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """What the code means, in a few words."""
    return page(code).splitlines()[0].partition(": ")[2]
