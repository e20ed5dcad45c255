"""What each page shows, as plain data: the API returns it as it is, and pages render it."""
