"""Components in plain Python: segmenters, scorers, searches and problem files."""
