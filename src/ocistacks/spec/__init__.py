"""The stack specification: venvstacks.toml read into values that never change."""
