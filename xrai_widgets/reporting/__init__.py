"""Outcomes and a policy as one document: HTML, JSON, Markdown."""
