"""Training data from a finished decode: rows of several forms, files, a dataset card. Reads run directories only."""
