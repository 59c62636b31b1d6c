"""What the events of a decode tell: costs and where tokens went, whose steps stand, how scores decided, the search tree."""
