"""Voilà inside the Jupyter server: the same pages as `xrai-widgets serve`."""

from xrai_widgets.apps.gallery import presentation
from xrai_widgets.io.notebooks import notebook_folder

c = get_config()  # noqa: F821
c.VoilaConfiguration.update(presentation(notebook_folder()))
