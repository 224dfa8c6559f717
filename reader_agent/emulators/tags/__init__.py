"""Tags made of software, for the emulated readers to read."""
