"""Python environment stacks as content-addressed OCI layers."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ocistacks")
except PackageNotFoundError:  # the builder image holds the package's files, not its metadata
    __version__ = "0+unpackaged"
