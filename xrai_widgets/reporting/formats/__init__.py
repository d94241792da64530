"""A report as HTML, JSON and Markdown: a file each."""
