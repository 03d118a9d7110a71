"""Build requests: everything that a layer's bytes depend on, and nothing else (design, section 5)."""
