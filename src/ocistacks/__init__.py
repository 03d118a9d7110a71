"""Python environment stacks as content-addressed OCI layers."""


def __getattr__(name: str) -> str:
    """Return ``__version__``, read when it is asked for: that takes longer than most commands."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ocistacks")
    except PackageNotFoundError:  # the builder image holds the package's files, not its metadata
        return "0+unpackaged"
