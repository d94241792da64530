"""``python -m xrai_widgets`` is the command line."""

from xrai_widgets.cli import main

main()
