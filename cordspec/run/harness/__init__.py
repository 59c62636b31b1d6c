"""Tasks of lm-evaluation-harness, asked of a run's models."""
