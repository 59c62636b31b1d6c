"""Benchmarks: evaluators and graders."""
