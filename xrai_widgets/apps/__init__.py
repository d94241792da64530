"""Components put together."""
