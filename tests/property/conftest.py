"""How the laws are tried."""

from hypothesis import settings

# A deadline measures the machine's load, not the code: speeds are measured in bench/.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")
