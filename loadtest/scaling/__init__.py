"""How Trimtab's cost grows."""
