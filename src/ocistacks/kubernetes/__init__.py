"""Manifests for Kubernetes that run an application of a stack, pinned by digest."""
