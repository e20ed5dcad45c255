"""How large a fleet the dashboard shows, and how fast."""
