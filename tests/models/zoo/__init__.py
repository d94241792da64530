"""Ordinary models of every library: each is taken, answers as itself, and is assessed."""
