"""One module a page: pure functions from a view to HTML."""
