"""Predictions joined with labels, while many others wait for theirs."""
