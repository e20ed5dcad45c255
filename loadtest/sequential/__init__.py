"""How often each sequential detector is wrong where nothing changes, and how soon it sees what does."""
