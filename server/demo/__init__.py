"""A whole district on one machine: real processes; only the readers' metal is emulated."""
