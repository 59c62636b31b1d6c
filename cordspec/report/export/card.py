"""The dataset card: what the data is, how it was made, and what to beware of. The head is read by `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from cordspec.report import measures
from cordspec.report.export.columns import COLUMNS, Form, features
from cordspec.report.export.rows import Selection
from cordspec.report.export.scan import Scan
from cordspec.report.export.source import Source
from cordspec.report.export.yaml import to_yaml

ABOUT: Mapping[Form, str] = {
    "messages": "traces as dialogues, for supervised fine-tuning",
    "prompt_completion": "the same with question and answer apart, for a loss on the answer only",
    "preferences": "pairs of steps for the same prefix, for preference optimisation such as step-DPO",
    "step_labels": "steps labelled right or wrong, for process reward models",
}
_IDENTITY = ("weights", "model", "name", "revision")
"""Options of a model that say which model it is."""


def make_card(
    source: Source,
    selection: Selection,
    counts: Mapping[Form, int],
    files: Mapping[Form, str],
    scans: Mapping[Form, Scan],
) -> str:
    """The card.

    Args:
        source: the decode.
        selection: what was asked for.
        counts: the number of rows of each form.
        files: for each form that has rows, the file that `datasets` should load.
        scans: what was found in the rows of each form.
    """
    manifest, name = source.run.manifest, source.decode.name
    head: dict[str, object] = {
        "pretty_name": f"{manifest.experiment}: {name}",
        "tags": ["cordspec", "reasoning", "distillation", "synthetic"],
        "configs": [
            {"config_name": form, "data_files": [{"split": "train", "path": path}]} for form, path in files.items()
        ],
        "dataset_info": [{"config_name": form, "features": features(COLUMNS[form])} for form in files],
    }
    parts = [
        f"---\n{to_yaml(head)}---",
        f"# {manifest.experiment}: {name}",
        *(text for text in (manifest.doc, source.decode.doc) if text),
        "Reasoning traces that several models wrote together, step by step, exported by cordspec from a finished run. "
        "The questions and reference answers are those of the problem set; all else was written by models.",
        "## How it was made",
        "\n".join(_table(("what", "value"), _made(source))),
        "## What is in it",
        "\n".join(_table(("form", "rows", "what"), ((f"`{form}`", n, ABOUT[form]) for form, n in counts.items()))),
        *(_columns(form) for form in files),
        "## Beware",
        "\n".join(f"- {text}" for text in (*_warnings(source, selection, counts), *_scanned(scans))),
    ]
    return "\n\n".join(parts) + "\n"


def _made(source: Source) -> Iterator[tuple[str, object]]:
    manifest, decode = source.run.manifest, source.decode
    options = source.options(decode.name)
    right = measures.accuracy(decode)
    yield "experiment", f"`{manifest.experiment}`, seed {manifest.seed}"
    if source.variant:
        yield "variant", f"`{source.variant}`"
    limited = f", the first {manifest.limit}" if manifest.limit else ""
    missing = (
        f"; **{source.pending} of them are missing, because the decode is not finished**" if source.pending else ""
    )
    yield "problems", f"{_block(source, decode.problems)}{limited}{missing}"
    yield "n", f"{right.n} problems"
    failed = measures.not_graded(decode)
    ungraded = f"; the grader failed on {failed} of them, which count as wrong" if failed else ""
    yield "accuracy of the traces", f"{right} (mean ± standard error over problems){ungraded}"
    yield "teachers", ", ".join(_teacher(source, name) for name in decode.pool)
    for role in ("segmenter", "scorer", "search"):
        yield role, _block(source, str(options[role]))
    yield "budget", _code(options["budget"])
    yield "grader", f"`{options['grader']}`"
    yield "stage", f"`{decode.stage}`"
    yield "versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())


def _block(source: Source, name: str) -> str:
    return f"`{source.run.manifest.blocks[name]['component']}` {_code(source.options(name))}"


def _teacher(source: Source, name: str) -> str:
    """A teacher with what says which model it is; a path of a directory is named by its last part."""
    block = source.run.manifest.blocks.get(name)
    if block is None or block["kind"] != "model":
        return f"`{name}`"
    options = source.options(name)
    said = [PurePath(str(options[key])) for key in _IDENTITY if options.get(key)]
    return f"`{name}` ({' '.join([str(block['component']), *(one.name if one.is_absolute() else str(one) for one in said)])})"


def _code(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _columns(form: Form) -> str:
    rows = ((f"`{name}`", column.meaning) for name, column in COLUMNS[form].items())
    return "\n".join([f"### {form}", "", *_table(("column", "what"), rows)])


def _table(columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _warnings(source: Source, selection: Selection, counts: Mapping[Form, int]) -> Iterator[str]:
    yield (
        "**No licence is named.** It depends on the problems and on what the teachers' licences say of their output. "
        "Add `license` to the head before you share this."
    )
    with_wrong = [form for form in counts if selection.takes_wrong(form, source)]
    traces = source.traces(wrong=True)
    wrong = sum(not trace.correct for trace in traces)
    if with_wrong and wrong:
        named = ", ".join(f"`{form}`" for form in with_wrong)
        yield f"**Wrong traces are included** in {named}: {wrong} of {len(traces)}. The column `correct` tells them."
    without = [form for form in counts if form not in with_wrong]
    if without:
        yield f"{', '.join(f'`{form}`' for form in without)}: only of traces that end in the right answer."
    yield (
        "A right answer does not make every step right: traces are judged by their final answer, with the grader above."
    )
    if counts.keys() & {"preferences", "step_labels"}:
        least = f", by at least {selection.margin:g}" if selection.margin else ""
        yield (
            "**Preferences and labels are by score, not by humans.** A step of the chosen trace stands against the other "
            f"proposals for the same prefix that the scorer gave less{least}; a proposal with "
            "the same words is none."
        )
    if "step_labels" in counts:
        yield (
            "`labels`: every step of a trace that ended right is true; a proposal that scored less, as above, is false. All "
            "else is left out. Each false step comes in a row of its own, after the steps of the trace before it."
        )
    yield "Offsets (`start`, `end`, `step_start`) count Unicode code points, as Python's strings do; `end` is exclusive."
    yield (
        "Text is plain. Where a question or a step holds what a tokenizer takes for a special token, a trainer will "
        "encode it as one; and some chat templates cut the thinking out of an assistant's turn: look at one encoded row."
    )


def _scanned(scans: Mapping[Form, Scan]) -> Iterator[str]:
    for form, found in scans.items():
        if found.found:
            told = ", ".join(f"{what} in {count}" for what, count in found.found.items())
            yield f"**Look before you train**: of {found.rows} rows of `{form}`, {told}. Nothing was taken out."
