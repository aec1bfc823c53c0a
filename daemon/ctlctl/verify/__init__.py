"""Verification on demand: from what an operator points at to a verdict that holds."""
