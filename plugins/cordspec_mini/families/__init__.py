"""Families of seeded word problems. Each is one file; all of them share the arithmetic in `operations`."""
