"""cordspec: step-level collaborative decoding, declared in one file.

The functions of the pipeline are in `cordspec.api`, what a plugin needs is in `cordspec.plugin`. Nothing is imported here, so
that ``python -m cordspec`` can clean the import path before anything else is found on it.
"""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """``__version__``, read from the installed metadata when somebody asks for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("cordspec")
    raise AttributeError(f"module `cordspec` has no attribute `{name}`")
