"""What OCI registries hold, and how they are talked to: references, documents, a client."""
