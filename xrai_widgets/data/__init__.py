"""Built-in subjects, offline."""
