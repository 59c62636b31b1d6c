"""Models served by SGLang."""
