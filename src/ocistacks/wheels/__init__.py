"""Wheels for packages that have none: built from their sdists, in isolation."""
