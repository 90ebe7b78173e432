"""Observe, decide, act: keeps the units as the operator wants them."""
