"""Which layers a command works on, and what it does with each: venvstacks 0.8's rules."""
