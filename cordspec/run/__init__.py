"""Execution: engines behind the journal, the decode driver, the stages and the executor that walks the graph."""
