"""The readers: a parser or a chip layer without I/O for each family, and a thin port under it."""
