"""Searches for the nearest change with another prediction, shared by the families of engines."""
