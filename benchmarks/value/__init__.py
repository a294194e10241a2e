"""Customer value against published figures and PyMC-Marketing, and its cost for a million customers."""
