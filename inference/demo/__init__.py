"""The demo model: a small LatentSync of our own, with drawn faces and synthetic voices.

Nothing here is needed to run a real checkpoint. Nobody else's picture, voice or weight is in it.
"""
