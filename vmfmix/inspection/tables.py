"""Tables of columns, and the places in them that are empty."""


def table(**columns):
    """A DataFrame, or the columns themselves where there is no pandas."""
    try:
        from pandas import DataFrame
    except ImportError:
        return columns
    return DataFrame(columns)


def is_missing(value):
    """Whether it is None, NaN, or what pandas has for them."""
    # The NA of pandas is not even different from itself.
    return value is None or type(value).__name__ == "NAType" or value != value
