"""Outcomes made readable: verdicts, tables, figures, HTML."""
