"""Models served by vLLM."""
