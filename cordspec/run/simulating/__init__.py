"""Engines of a cluster in virtual time, for the real driver and the real searches. Whatever comes of it is simulated."""
