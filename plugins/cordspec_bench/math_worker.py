"""The child process of the `math_verify` grader: a pair of answers a line in, ``true`` or ``false`` a line out."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Say ``ready`` once the library is loaded and warm, then answer until the input ends."""
    from math_verify import parse, verify

    verify(parse("$1/2$"), parse("$0.5$"))
    print("ready", flush=True)
    for line in sys.stdin:
        answer, wanted = json.loads(line)
        try:
            equal = bool(verify(parse(f"${wanted}$"), parse(f"${answer}$")))
        except Exception:  # an answer that cannot be compared is wrong
            equal = False
        print(json.dumps(equal), flush=True)


if __name__ == "__main__":
    main()
