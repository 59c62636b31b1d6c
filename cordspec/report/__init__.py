"""Artifacts to a report. Reads run directories only: an old run is reported without its engines."""
