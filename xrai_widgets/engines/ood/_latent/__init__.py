"""How far among latent variables until a model changes its mind? (Zhao, Dua, Singh 2018, arXiv:1710.11342)."""
