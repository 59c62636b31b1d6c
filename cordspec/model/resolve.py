"""A spec to a typed experiment, with everything that is wrong with it told in one pass."""

from __future__ import annotations

from collections.abc import Iterable

from cordspec.diagnostics import Diagnostic, Fix, Source, Span
from cordspec.extension.component import Component
from cordspec.extension.options import ComponentOf, Options
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model.bind import Binder, Names
from cordspec.model.blocks import CORE_KINDS
from cordspec.model.checks import check
from cordspec.model.compose import Composition, Draft, compose
from cordspec.model.experiment import Block, Experiment
from cordspec.model.telling import told


def resolve(source: Source, registry: Registry, sets: Iterable[str] = ()) -> tuple[Experiment | None, list[Diagnostic]]:
    """The experiment that a spec describes, or None when it has errors, and all its diagnostics sorted by place."""
    sets = tuple(sets)
    composition = compose(source, sets)
    diagnostics = list(composition.diagnostics)
    blocks = _bind_all(composition, registry, diagnostics)
    experiments = [draft for draft in composition.blocks.values() if draft.kind == "experiment"]
    if len(experiments) != 1 and not composition.lost and not composition.lost_kinds:
        diagnostics.append(_experiment_count(experiments, source))
    diagnostics = told(diagnostics, composition, blocks)
    if not any(diagnostic.severity == "error" for diagnostic in diagnostics):
        experiment = Experiment(experiments[0].name, blocks, composition.sources, sets)
        diagnostics += check(experiment)
        if not any(diagnostic.severity == "error" for diagnostic in diagnostics):
            return experiment, told(diagnostics, composition, blocks)
    return None, diagnostics


def _bind_all(composition: Composition, registry: Registry, diagnostics: list[Diagnostic]) -> dict[str, Block]:
    names = Names(composition.blocks, registry.names, composition.lost, composition.lost_kinds)
    blocks: dict[str, Block] = {}
    for draft in composition.blocks.values():
        found = _component(draft, registry, diagnostics)
        if found is None:
            continue
        component, options_type = found
        what = f"{draft.kind} `{component.name}`" if component else article(draft.kind)
        binder = Binder(names)
        options = binder.bind(draft, options_type, what)
        diagnostics += binder.diagnostics
        if options is not None:
            helpers = _helpers(options, binder, draft, registry, diagnostics)
            blocks[draft.name] = Block(
                draft.kind, draft.name, component, options, draft.doc, draft.span, binder.spans, helpers
            )
    return blocks


def _helpers(
    options: Options, binder: Binder, draft: Draft, registry: Registry, diagnostics: list[Diagnostic]
) -> tuple[str, ...]:
    """The components that fields name, loaded once here so that a broken one is told before anything runs."""
    found: list[str] = []
    for name, known in type(options).model_fields.items():
        for mark in known.metadata:
            if isinstance(mark, ComponentOf):
                wanted = str(getattr(options, name))
                try:
                    found.append(f"{mark.kind} {wanted} {registry.get(mark.kind, wanted).version}")
                except RegistryError as error:
                    span = binder.spans.get((name,), draft.span)
                    diagnostics.append(Diagnostic(error.code, str(error), span, help=error.help))
    return tuple(found)


def _component(
    draft: Draft, registry: Registry, diagnostics: list[Diagnostic]
) -> tuple[type[Component] | None, type[Options]] | None:
    if draft.kind == "sweep":
        message = "sweeps are not available in this version of cordspec"
        diagnostics.append(Diagnostic("E113", message, draft.span, "run the variants with `--set` instead"))
        return None
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


def _experiment_count(experiments: list[Draft], source: Source) -> Diagnostic:
    if experiments:
        names = " and ".join(f"`{draft.name}`" for draft in experiments)
        return Diagnostic(
            "E104", f"a spec has one experiment, this one has {names}", experiments[-1].span, "one too many"
        )
    start = Span(source, 0, min(len(source.text), 1))
    return Diagnostic("E104", "the spec has no experiment block", start, "add `experiment NAME { seed = 0 }`")
