"""Locks: which wheels, with which hashes, each layer consists of (design, section 4)."""
