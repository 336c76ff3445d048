"""Errors of the database: those of the data itself, which no repetition cures."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

# Data exception, integrity constraint violation [PostgreSQL, appendix A].
_SQLSTATES = ("22", "23")


def is_about_data(error: BaseException) -> bool:
    """Return whether an error, or its cause, is that of a value which cannot be stored."""
    return any(_is_about_data(one) for one in (error, error.__cause__) if one is not None)


def _is_about_data(error: BaseException) -> bool:
    if isinstance(error, (DataError, IntegrityError)):
        return True
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        # The statement could not even be made from its values.
        return True
    origin = getattr(error, "orig", None) or error
    return str(getattr(origin, "sqlstate", None) or "").startswith(_SQLSTATES)
