"""transformers and torch in this process: the embedded engine. Heavy imports happen only when an engine is opened."""
