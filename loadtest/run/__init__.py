"""The whole of Trimtab under a load of one's choice."""
