"""Archives for consumers that do not read the blob: the same tree as tar.xz or zip."""
