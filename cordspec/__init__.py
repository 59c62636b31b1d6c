"""cordspec: step-level collaborative decoding, declared in one file.

The functions of the pipeline are in `cordspec.api`, what a plugin needs is in `cordspec.plugin`.
"""

from importlib.metadata import version

__version__ = version("cordspec")
__all__ = ["__version__"]
