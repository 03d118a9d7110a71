"""Builders: where a build request and its materials become a layer's blob (design section 6)."""
