"""One contract per kind of component."""
