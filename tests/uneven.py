"""Examples to train on that have very different numbers of steps, from one to five."""

from __future__ import annotations

from typing import Final

from cordspec.plugin import Solution, TrainingExample

UNEVEN: Final = [
    TrainingExample(
        f"Tom has {n} pens, then gains {n % 7}. How many pens in the end?",
        Solution(
            "".join(f"\n### Step {k + 1}. {n} + {k} = {n + k}." for k in range(n * n % 7 + 1)),
            f"\n\nThe final answer is {n + n % 7}.",
        ),
    )
    for n in range(5, 37)
]
"""A mean of their losses over processes is no mean over their tokens."""
