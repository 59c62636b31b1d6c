"""``python -m cordspec``."""

from cordspec.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
