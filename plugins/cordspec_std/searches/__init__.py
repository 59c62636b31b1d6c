"""Which prefixes to extend and which to keep."""
