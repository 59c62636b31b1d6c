"""The durable memory of a run: every answer of an engine, under a key of all that determines it."""

from cordspec.journal.committer import Committer
from cordspec.journal.journal import Journal
from cordspec.journal.keys import answer_key
from cordspec.journal.rows import Answer, Row

__all__ = ["Answer", "Committer", "Journal", "Row", "answer_key"]
