"""Diagnostics as SARIF 2.1.0, the format that code scanning services read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from cordspec.diagnostics.diagnostic import Diagnostic, Fix
from cordspec.diagnostics.pages import page, title
from cordspec.diagnostics.source import Span

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Json = dict[str, object]


def as_sarif(diagnostics: Sequence[Diagnostic], version: str) -> Json:
    """One run of cordspec with its rules and results. Paths stay as they were given; columns count characters."""
    rules = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {"name": "cordspec", "version": version, "rules": [_rule(code) for code in rules]}
    results = [_result(diagnostic, rules.index(diagnostic.code)) for diagnostic in diagnostics]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> Json:
    return {
        "id": code,
        "shortDescription": {"text": title(code)},
        "help": {"text": page(code), "markdown": page(code)},
        "defaultConfiguration": {"level": "warning" if code.startswith("W") else "error"},
    }


def _result(diagnostic: Diagnostic, rule: int) -> Json:
    said = [diagnostic.message, diagnostic.label, diagnostic.help]
    result: Json = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": "\n".join(part for part in said if part)},
        "partialFingerprints": {"cordspec/v1": _fingerprint(diagnostic)},
    }
    if diagnostic.span is not None:
        result["locations"] = [{"physicalLocation": _place(diagnostic.span)}]
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _place(label.span), "message": {"text": label.text or "here"}}
            for number, label in enumerate(diagnostic.related)
        ]
    if diagnostic.fixes:
        result["fixes"] = [_fix(fix) for fix in diagnostic.fixes]
    return result


def _place(span: Span) -> Json:
    return {"artifactLocation": {"uri": quote(span.source.name)}, "region": _region(span)}


def _region(span: Span) -> Json:
    end_line, end_column = span.source.position(span.end)
    return {"startLine": span.line, "startColumn": span.column, "endLine": end_line, "endColumn": end_column}


def _fix(fix: Fix) -> Json:
    replacement = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.replacement}}
    change = {"artifactLocation": {"uri": quote(fix.span.source.name)}, "replacements": [replacement]}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _fingerprint(diagnostic: Diagnostic) -> str:
    """The same for the same mistake, on whichever line it stands: services recognise it by this from commit to commit."""
    span = diagnostic.span
    content = [diagnostic.code, diagnostic.message, span.source.name if span else "", span.text if span else ""]
    return hashlib.sha256("\x00".join(content).encode()).hexdigest()[:32]
