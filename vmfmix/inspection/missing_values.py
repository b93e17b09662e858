"""Detection of missing texts and labels."""


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, or the NA or NaT of pandas."""
    # NA != NA is NA, which has no truth value, so NA is recognized by the name of its type.
    return value is None or type(value).__name__ == "NAType" or bool(value != value)
