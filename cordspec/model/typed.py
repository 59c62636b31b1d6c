"""One block of a spec to its component and its checked options."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.diagnostics import Diagnostic, Fix, Span
from cordspec.extension.component import Component
from cordspec.extension.options import ComponentOf, Options
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model.bind import Binder, Names
from cordspec.model.blocks import CORE_KINDS
from cordspec.model.compose import Composition, Draft
from cordspec.model.experiment import Block, marks_of


@dataclass(frozen=True, slots=True)
class BlockReader:
    """Types the blocks of one spec."""

    composition: Composition
    registry: Registry

    def read(self, draft: Draft, diagnostics: list[Diagnostic]) -> Block | None:
        """The typed block, or None when something is wrong with it, which is added to the diagnostics."""
        found = _component(draft, self.registry, diagnostics)
        if found is None:
            return None
        component, options_type = found
        what = f"{draft.kind} `{component.name}`" if component else article(draft.kind)
        of = self.composition
        binder = Binder(Names(of.blocks, self.registry.names, of.lost, of.lost_kinds), draft.kind)
        options = binder.bind(draft, options_type, what)
        diagnostics += binder.diagnostics
        if options is None:
            return None
        helpers = _helpers(options, binder, draft, self.registry, diagnostics)
        return Block(draft.kind, draft.name, component, options, draft.doc, draft.span, binder.spans, helpers)


def _helpers(
    options: Options, binder: Binder, draft: Draft, registry: Registry, diagnostics: list[Diagnostic]
) -> tuple[type[Component], ...]:
    """The components that fields name, loaded once here so that a broken one is told before anything runs."""
    found: list[type[Component]] = []
    for name, known in type(options).model_fields.items():
        value = getattr(options, name)
        each = value if isinstance(value, tuple) else () if value is None else (value,)
        for mark in marks_of((known.annotation, *known.metadata)):
            if not isinstance(mark, ComponentOf):
                continue
            for wanted in each:
                try:
                    found.append(registry.get(mark.kind, str(wanted)))
                except RegistryError as error:
                    span = binder.spans.get((name,), draft.span)
                    diagnostics.append(Diagnostic(error.code, str(error), span, help=error.help))
    return tuple(found)


def _component(
    draft: Draft, registry: Registry, diagnostics: list[Diagnostic]
) -> tuple[type[Component] | None, type[Options]] | None:
    if draft.kind in CORE_KINDS:
        if draft.component is not None:
            message = f"{article(draft.kind)} names no component"
            diagnostics.append(Diagnostic("E114", message, draft.component.span, f"remove `: {draft.component.text}`"))
            return None
        return None, CORE_KINDS[draft.kind]
    if draft.component is None:
        installed = ", ".join(registry.names(draft.kind)) or "none installed"
        message = f"{draft.kind} `{draft.name}` names no component"
        end = Span(draft.span.source, draft.span.end, draft.span.end)
        diagnostics.append(Diagnostic("E114", message, draft.span, f"write `: COMPONENT` ({installed})", fixes=(
            (Fix("name the only one installed", end, f" : {installed}"),) if len(registry.names(draft.kind)) == 1 else ()
        )))  # fmt: skip
        return None
    try:
        component = registry.get(draft.kind, draft.component.text)
    except RegistryError as error:
        span = draft.component.span
        label = f"did you mean `{error.suggestion}`?" if error.suggestion else ""
        fixes = (Fix(f"write `{error.suggestion}`", span, error.suggestion),) if error.suggestion else ()
        diagnostics.append(Diagnostic(error.code, str(error), span, label, help=error.help, fixes=fixes))
        return None
    return component, component.options_type


def article(kind: str) -> str:
    """A kind with its article."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
