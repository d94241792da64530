"""The server process of the gallery: the only place where Voilà and the Jupyter server are loaded as modules."""
