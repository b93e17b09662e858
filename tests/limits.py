"""How long a program of a test may run."""

HANG = 1200  # seconds after which a program is said to hang; a busy machine needs far less
