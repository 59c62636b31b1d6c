"""Trackers: where the numbers of a run are shown beside those of other runs."""
