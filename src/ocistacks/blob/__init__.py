"""Layer trees packed as blobs, and blobs unpacked again (docs/blob-format.md)."""
