"""The one import for plugin authors: everything public that a component needs, and nothing else."""

from cordspec.domain.draw import Draw
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
from cordspec.domain.memory import MemoryLayout, MemoryPart, Room, TrainingMemory
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
from cordspec.domain.verdict import Outcome, Verdict
from cordspec.extension.component import (
    Component,
    Context,
    EngineAccess,
    Failed,
    Grading,
    InvalidData,
    Refused,
    Unavailable,
)
from cordspec.extension.hookspecs import hookimpl
from cordspec.extension.kinds.engine import Engine, EngineCounters, EngineIdentity, EngineTraits, Model
from cordspec.extension.kinds.evaluator import EvalOptions, Evaluator, Judging, Metric
from cordspec.extension.kinds.grader import Grader, VerdictGrader
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.extension.kinds.scorer import ScoreEffort, Scorer
from cordspec.extension.kinds.search import Search, SearchMachine, SearchSetting, Wave
from cordspec.extension.kinds.segmenter import Piece, Segmenter
from cordspec.extension.kinds.tracker import RunEnd, TrackedRun, Tracker
from cordspec.extension.kinds.trainer import (
    Continuation,
    OnStep,
    PreferencePair,
    StudentOptions,
    Trainer,
    TrainingExample,
    TrainingJob,
    TrainingOutcome,
    TrainingStep,
    Wants,
)
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
from cordspec.processes import keyless_environment

__all__ = [
    "ANSWER_CUE", "ANSWER_END", "THINK_CLOSE", "THINK_OPEN", "Backup", "Bytes", "Candidate", "Capability", "Column",
    "Component", "Context", "Continuation", "Decision", "DecodeRef", "Draw", "Engine", "EngineAccess", "EngineCounters",
    "EngineIdentity", "EngineTraits", "EvalOptions", "EvaluatedRef", "Evaluator", "Expansion", "Failed", "Finish",
    "Fraction", "GenerateRequest", "Generation", "Grader", "GraderName", "Grading", "InitRef", "Interval",
    "InvalidData", "Judging", "MemoryLayout", "MemoryPart", "Metric", "Model", "ModelFacts", "NotIdentity", "OnStep",
    "Options", "Outcome", "Piece", "Placeholders", "PreferencePair", "Problem", "ProblemSource", "ProblemView",
    "ProblemsRef", "Prompt", "Proposal", "ProverRef", "Ref", "Refused", "Revision", "RewardModelRef", "RewardRequest",
    "Rewards", "Role", "Room", "RunEnd", "Sampling", "Score", "ScoreEffort", "ScoreRequest", "ScoredCandidate",
    "Scorer", "Search", "SearchMachine", "SearchSetting", "Seconds", "Segment", "Segmenter", "Solution", "Step",
    "StudentOptions", "TeacherRef", "TokenLogprobs", "Tokens", "TracesRef", "TrackedRun", "Tracker", "Trainer",
    "TrainingExample", "TrainingJob", "TrainingMemory", "TrainingOutcome", "TrainingStep", "Trajectory", "Unavailable",
    "Verdict", "VerdictGrader", "Wants", "Wave", "WriterRef", "answer_prompt", "assistant_turn", "forced_answer_prompt",
    "hookimpl", "keyless_environment", "prompt_text", "thinking_prompt",
]  # fmt: skip
