"""Searches for the nearest change with another answer, shared by the families of engines."""
