"""How a CPython runtime archive is made from the release tarball (design section 7)."""
