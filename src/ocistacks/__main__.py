"""`python -m ocistacks`."""

from ocistacks.cli.main import main

main()
