"""The one import for plugin authors: everything public that a component needs, and nothing else."""

from cordspec.domain.facts import Capability, ModelFacts
from cordspec.domain.inference import (
    Finish,
    GenerateRequest,
    Generation,
    RewardRequest,
    Rewards,
    Role,
    Sampling,
    ScoreRequest,
    TokenLogprobs,
)
from cordspec.domain.problem import Problem, ProblemView, Solution
from cordspec.domain.prompt import (
    ANSWER_CUE,
    ANSWER_END,
    THINK_CLOSE,
    THINK_OPEN,
    Prompt,
    Segment,
    answer_prompt,
    assistant_turn,
    forced_answer_prompt,
    prompt_text,
    thinking_prompt,
)
from cordspec.domain.scoring import Candidate, Score, ScoredCandidate
from cordspec.domain.search import Backup, Decision, Expansion
from cordspec.domain.trajectory import Proposal, Step, Trajectory
from cordspec.extension.component import Component, Context, EngineAccess, Grading, InvalidData, Unavailable
from cordspec.extension.hookspecs import hookimpl
from cordspec.extension.kinds.engine import Engine, EngineCounters, EngineTraits, Model
from cordspec.extension.kinds.evaluator import EvalOptions, Evaluator, Metric
from cordspec.extension.kinds.grader import Grader
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.extension.kinds.scorer import ScoreEffort, Scorer
from cordspec.extension.kinds.search import Search, SearchMachine, SearchSetting, Wave
from cordspec.extension.kinds.segmenter import Piece, Segmenter
from cordspec.extension.kinds.trainer import OnStep, Trainer, TrainingExample, TrainingOutcome
from cordspec.extension.options import (
    Bytes,
    Column,
    DecodeRef,
    EvaluatedRef,
    Fraction,
    GraderName,
    InitRef,
    Interval,
    NotIdentity,
    Options,
    Placeholders,
    ProblemsRef,
    ProverRef,
    Ref,
    Revision,
    RewardModelRef,
    Seconds,
    TeacherRef,
    Tokens,
    TracesRef,
    WriterRef,
)

__all__ = [
    "ANSWER_CUE", "ANSWER_END", "THINK_CLOSE", "THINK_OPEN", "Backup", "Bytes", "Candidate", "Capability", "Column",
    "Component", "Context", "Decision", "DecodeRef", "Engine", "EngineAccess", "EngineCounters", "EngineTraits",
    "EvalOptions", "EvaluatedRef", "Evaluator", "Expansion", "Finish", "Fraction", "GenerateRequest", "Generation",
    "Grader", "GraderName", "Grading", "InitRef", "Interval", "InvalidData", "Metric", "Model", "ModelFacts",
    "NotIdentity", "OnStep", "Options", "Piece", "Placeholders", "Problem", "ProblemSource", "ProblemView",
    "ProblemsRef", "Prompt", "Proposal", "ProverRef", "Ref", "Revision", "RewardModelRef", "RewardRequest",
    "Rewards", "Role", "Sampling", "Score", "ScoreEffort", "ScoreRequest", "ScoredCandidate", "Scorer", "Search",
    "SearchMachine", "SearchSetting", "Seconds", "Segment", "Segmenter", "Solution", "Step", "TeacherRef",
    "TokenLogprobs", "Tokens", "TracesRef", "Trainer", "TrainingExample", "TrainingOutcome", "Trajectory",
    "Unavailable", "Wave", "WriterRef", "answer_prompt", "assistant_turn", "forced_answer_prompt", "hookimpl",
    "prompt_text", "thinking_prompt",
]  # fmt: skip
