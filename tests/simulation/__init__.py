"""Nights of a whole district in one process, one thread and one seed, over the real code."""
