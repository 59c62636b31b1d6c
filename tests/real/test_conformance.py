"""The conformance suite on the embedded engine with the miniature; on a pretrained model it is in the slow suite."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cordspec.testing import Outcome, Subject, run
from cordspec.testing.scores import scores_agree
from cordspec_hf.reading import Reader
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS
from tests.real.plain import PlainTransformers

PROVER = CHECKPOINTS / "prover"


async def outcomes(dtype: str, triples: int, checks=None) -> list[Outcome]:
    engine = TransformersModel(TransformersModelOptions(weights=str(PROVER), dtype=dtype, device="cpu")).open()
    try:
        subject = Subject(engine, PlainTransformers(PROVER), triples=triples, special="<|end|>")
        return await (run(subject, checks) if checks else run(subject))
    finally:
        await engine.close()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_embedded_engine_conforms(dtype: str) -> None:
    found = asyncio.run(outcomes(dtype, 200))
    print(*found, sep="\n")
    assert len(found) == 11 and all(one.passed for one in found)


@pytest.mark.parametrize("by", [-1, 1])
def test_the_suite_finds_a_wrong_offset(by: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Reader.logprobs

    def shifted(self, spans):
        return right(self, [replace(one, first=one.first + by, last=one.last + by) for one in spans])

    monkeypatch.setattr(Reader, "logprobs", shifted)
    (found,) = asyncio.run(outcomes("float32", 16, (scores_agree,)))
    assert not found.passed
