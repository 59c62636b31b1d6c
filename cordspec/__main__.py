"""``python -m cordspec``.

Python puts the current directory first on the import path of ``-m``. It goes before anything else is imported, so that a
file in somebody's checkout is never taken for a library.
"""

import sys

if not sys.flags.safe_path:
    del sys.path[0]

from cordspec.cli.main import main  # the path is clean only now

if __name__ == "__main__":
    raise SystemExit(main())
