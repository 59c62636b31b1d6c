"""The first line of a block, and the fields that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.editor.analysis import Analysis
from cordspec.editor.fields import Fields
from cordspec.extension.options import Options
from cordspec.model.blocks import CORE_KINDS
from cordspec.model.compose import Draft
from cordspec.syntax.nodes import Block


@dataclass(frozen=True, slots=True)
class Header:
    """The words of a block's first line, as far as they are written, and where it begins."""

    kind: str = ""
    name: str = ""
    component: str = ""
    like: str = ""
    start: int = 0

    @classmethod
    def of(cls, block: Block) -> Header:
        """The first line of a block that was parsed."""
        component = block.component.text if block.component else ""
        like = block.like.text if block.like else ""
        return cls(block.kind.text, block.name.text, component, like, block.span.start)

    def draft(self, analysis: Analysis) -> Draft | None:
        """The block as the model has it, if it has it."""
        draft = analysis.composition.blocks.get(self.name)
        return draft if draft is not None and draft.kind == self.kind else None

    def options(self, analysis: Analysis) -> type[Options] | None:
        """Its fields, by its own words first, for the model may not have the block that is being written."""
        fields = Fields(analysis.composition.blocks, analysis.registry)
        if self.kind in CORE_KINDS or self.component:
            return fields.options(self.kind, self.component)
        model = Header(self.kind, self.like or self.name).draft(analysis)
        return fields.options_of(model) if model is not None else None
