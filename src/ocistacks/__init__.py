"""Python environment stacks as content-addressed OCI layers."""

__version__ = "0.1.0"
