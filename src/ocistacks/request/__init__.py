"""Build requests: what a layer's bytes depend on, and nothing else (design, section 5)."""
