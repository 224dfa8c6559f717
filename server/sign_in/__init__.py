"""Signing in: PINs of the staff, second factors, the city's own accounts, and the record of it."""
