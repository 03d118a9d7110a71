"""How layers get to where they are used: published archives, deployments, running applications."""
