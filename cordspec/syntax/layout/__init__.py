"""The one layout of a spec: what `cordspec fmt` writes. Changes white space, line breaks and optional commas, nothing else.

::

    text --lexemes--> words with their comments --outline--> entries --write--> text --checks--> text
"""

from cordspec.syntax.layout.checks import FormatterBug
from cordspec.syntax.layout.format import format_text

__all__ = ["FormatterBug", "format_text"]
