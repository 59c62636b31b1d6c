"""CPU time of this thread, as the command line would take it: that runs without the garbage collector, whose cost here would
be that of whatever other tests have loaded.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(seconds: float, what: object = "") -> Iterator[None]:
    """The block takes less than so many seconds."""
    was = gc.isenabled()
    gc.disable()
    begin = time.thread_time()
    try:
        yield
        taken = time.thread_time() - begin
    finally:
        if was:
            gc.enable()
    assert taken < seconds, what
