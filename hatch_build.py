"""Part of every build and editable install: computes the parser's tables once, so that no command has to."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Writes ``cordspec/syntax/_tables.py``; the wheel takes it along as an artifact."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        syntax = Path(self.root) / "cordspec" / "syntax"
        made = runpy.run_path(str(syntax / "tables.py"))
        tables = made["make_tables"]((syntax / "grammar.lark").read_text(encoding="utf-8"))
        (syntax / "_tables.py").write_text(tables, encoding="utf-8")
