"""A spec to a typed experiment and its variants, with everything that is wrong with it told in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.extension.registry import Registry
from cordspec.model.blocks import SweepOptions
from cordspec.model.checks import check
from cordspec.model.compose import Draft, Parse, compose
from cordspec.model.experiment import Block, Experiment
from cordspec.model.sweep import Axis, Sweep, assigned, by_block, read_sweep
from cordspec.model.telling import told
from cordspec.model.typed import BlockReader
from cordspec.syntax import parse

MOST_CHECKED = 10_000
"""Blocks that are looked at again for the values of a sweep while somebody is still writing."""
BASE = "base"
"""The name of the variant in which nothing is changed."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One experiment of a sweep. ``group`` is its name without what repeats it. A spec without a sweep is one, `base`."""

    name: str
    group: str
    settings: Mapping[str, str]
    experiment: Experiment


def is_sweep(variants: Sequence[Variant]) -> bool:
    """Whether these are variants of a sweep, and not the one experiment of a spec."""
    return any(variant.name != BASE for variant in variants)


def resolve(
    source: Source, registry: Registry, sets: Iterable[str] = (), *, library: bool = False, parse: Parse = parse,
    recorded: Mapping[str, str] | None = None,
) -> tuple[Experiment | None, list[Diagnostic]]:  # fmt: skip
    """The experiment that a spec describes, or None when it has errors, and all its diagnostics sorted by place.

    ``parse`` is how files are read. With ``library`` a file is also right that has no experiment and no stage: blocks for
    others to import. ``recorded`` are the texts of a run, which are read instead of files.

    Every value of a sweep is tried in one variant; all variants are checked when they are asked for, by `resolve_variants`.
    """
    resolver = _Resolver(source, registry, tuple(sets), library=library, parse=parse, recorded=recorded)
    return resolver.experiment, resolver.diagnostics


def resolve_variants(
    source: Source, registry: Registry, sets: Iterable[str] = ()
) -> tuple[list[Variant], list[Diagnostic]]:
    """All variants of a spec in order, the base first where it is one of them; none when the spec has errors."""
    resolver = _Resolver(source, registry, tuple(sets))
    if resolver.experiment is None:
        return [], resolver.diagnostics
    if resolver.sweep is None:
        return [Variant(BASE, BASE, {}, resolver.experiment)], resolver.diagnostics
    found: list[Diagnostic] = []
    variants = list(resolver.variants(resolver.experiment, resolver.sweep, found))
    if not variants:
        label = "vary a setting, or skip less"
        found.append(Diagnostic("E412", "the sweep leaves no variant to run", resolver.sweep.span, label))
    diagnostics = told([*resolver.diagnostics, *found], resolver.composition, resolver.blocks)
    return ([] if any(one.severity == "error" for one in found) else variants), diagnostics


class _Resolver:
    """Everything that is known of one spec."""

    def __init__(
        self, source: Source, registry: Registry, sets: tuple[str, ...], *, library: bool = False, parse: Parse = parse,
        recorded: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.composition = compose(source, sets, parse, recorded)
        self._reader = BlockReader(self.composition, registry)
        self._changed: dict[tuple[str, ...], Block | None] = {}
        self.blocks: dict[str, Block] = {}
        self.sweep: Sweep | None = None
        self.experiment: Experiment | None = None
        found = list(self.composition.diagnostics)
        for draft in self.composition.blocks.values():
            if (block := self._reader.read(draft, found)) is not None:
                self.blocks[draft.name] = block
        kinds = {draft.kind for draft in self.composition.blocks.values()}
        is_library = library and bool(kinds) and kinds.isdisjoint(("experiment", "decode", "student", "eval", "sweep"))
        found += [] if is_library else self._count(source)
        self._read_sweep(found)
        self.diagnostics = self._told(found)
        if not _failed(self.diagnostics) and not is_library:
            name = next(draft.name for draft in self.composition.blocks.values() if draft.kind == "experiment")
            experiment = Experiment(name, self.blocks, self.composition.sources, sets)
            self._check(experiment)
            self.experiment = None if _failed(self.diagnostics) else experiment

    def variants(self, base: Experiment, sweep: Sweep, found: list[Diagnostic]) -> Iterator[Variant]:
        """The variants, each with its settings; one that equals the base or a pattern of ``skip`` is left out."""
        known = {one.message for one in self.diagnostics}
        for combination in sweep.combinations():
            changed = self._with(base, combination, found)
            again = combination and sweep.options.mode == "one_at_a_time" and _same(changed, base)
            if again or any(self._agrees(changed, combination, pattern) for pattern in sweep.skip):
                continue
            group = ", ".join(one.label for one in combination) or BASE
            for repetition in sweep.repetitions():
                experiment = self._with(changed, repetition, found, combination)
                both = (*combination, *repetition)
                found += [_with_settings(both, new) for new in check(experiment) if new.message not in known]
                settings = {one.path: one.text for one in both}
                repeated = ", ".join(one.label for one in repetition)
                yield Variant(f"{group} ({repeated})" if repeated else group, group, settings, experiment)

    def _with(
        self, experiment: Experiment, assignments: Axis, found: list[Diagnostic], before: Axis = ()
    ) -> Experiment:
        """An experiment with some settings replaced; each changed block is typed once for all variants."""
        blocks = dict(experiment.blocks)
        for name, changes in by_block(assignments).items():
            both = [one for one in before if one.block == name] + changes
            key = (name, *(one.label for one in both))
            if key not in self._changed:
                self._changed[key] = self._reader.read(assigned(self.composition.blocks[name], both), found)
            block = self._changed[key]
            if block is not None:
                blocks[name] = block
        return replace(experiment, blocks=blocks)

    def _agrees(self, variant: Experiment, combination: Axis, pattern: Axis) -> bool:
        """Whether a variant has all values of a pattern: setting them would change nothing in it."""
        return bool(pattern) and _same(self._with(variant, pattern, [], combination), variant)

    def _check(self, experiment: Experiment) -> None:
        """Rules across blocks, for the experiment itself and for each value of its sweep."""
        found = check(experiment)
        known = {one.message for one in found}
        if self.sweep is not None and not _failed(found):
            most = max(8, MOST_CHECKED // len(experiment.blocks))
            samples = list(islice(self.sweep.samples(), most + 1))
            if len(samples) > most:
                message = f"only the first {most} values of this sweep were checked together with the other blocks"
                label = "`cordspec plan` and `run` check all"
                found.append(Diagnostic("W412", message, self.sweep.span, label))
            for pattern in self.sweep.skip:
                self._with(experiment, pattern, found)  # types its values
            for combination in samples[:most]:
                changed = self._with(experiment, combination, found)
                if not any(self._agrees(changed, combination, pattern) for pattern in self.sweep.skip):
                    found += [_with_settings(combination, new) for new in check(changed) if new.message not in known]
            found += self._unused_patterns(experiment, self.sweep) if self.sweep.size <= most else []
        self.diagnostics = self._told([*self.diagnostics, *found])

    def _unused_patterns(self, base: Experiment, sweep: Sweep) -> Iterator[Diagnostic]:
        """Patterns of ``skip`` that no variant agrees with."""
        variants = [(self._with(base, combination, []), combination) for combination in sweep.combinations()]
        for pattern in sweep.skip:
            if pattern and not any(self._agrees(changed, combination, pattern) for changed, combination in variants):
                place = Span(pattern[0].value.span.source, pattern[0].field[0].span.start, pattern[-1].value.span.end)
                yield Diagnostic("W411", "this pattern skips no variant", place, "remove or mend it")

    def _read_sweep(self, found: list[Diagnostic]) -> None:
        drafts = [draft for draft in self.composition.blocks.values() if draft.kind == "sweep"]
        if len(drafts) > 1:
            found.append(Diagnostic("E104", "a spec has one sweep at most", drafts[1].span, "one too many"))
        block = self.blocks.get(drafts[0].name) if drafts else None
        if block is not None:
            assert isinstance(block.options, SweepOptions)
            self.sweep, more = read_sweep(drafts[0], block.options, self.composition)
            found += more

    def _count(self, source: Source) -> list[Diagnostic]:
        of = self.composition
        experiments = [draft for draft in of.blocks.values() if draft.kind == "experiment"]
        known = len(experiments) == 1 or of.lost or of.lost_kinds
        return [] if known else [_experiment_count(experiments, source)]

    def _told(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        return told(found, self.composition, self.blocks)


def _failed(found: Iterable[Diagnostic]) -> bool:
    return any(one.severity == "error" for one in found)


def _same(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments say the same, wherever they say it."""
    return all(
        block is other.blocks[name]
        or (block.component, block.options) == (other.blocks[name].component, other.blocks[name].options)
        for name, block in one.blocks.items()
    )


def _with_settings(combination: Axis, found: Diagnostic) -> Diagnostic:
    """What is wrong with one variant, with what it sets; a warning is of a block, whichever variant uses it."""
    said = ", ".join(f"`{one.label}`" for one in combination)
    return replace(found, message=f"with {said}: {found.message}") if said and found.severity == "error" else found


def _experiment_count(experiments: list[Draft], source: Source) -> Diagnostic:
    if experiments:
        names = " and ".join(f"`{draft.name}`" for draft in experiments)
        return Diagnostic(
            "E104", f"a spec has one experiment, this one has {names}", experiments[-1].span, "one too many"
        )
    start = Span(source, 0, min(len(source.text), 1))
    return Diagnostic("E104", "the spec has no experiment block", start, "add `experiment NAME { seed = 0 }`")
