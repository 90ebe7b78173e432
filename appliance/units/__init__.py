"""One managed service a file, the list of them, and what runs them."""
