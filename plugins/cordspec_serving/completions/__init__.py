"""Servers that continue raw prompts and do nothing else that is needed here."""
