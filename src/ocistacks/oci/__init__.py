"""OCI objects: making them, and moving them between registries, layouts and the store."""
