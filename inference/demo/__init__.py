"""The demo model: a small LatentSync of our own, its drawn faces, its synthetic voices, its training.

Nothing here is needed to run a real checkpoint. Nobody else's picture, voice or weight is in it.
"""
