"""UTC days and seconds. Time is always passed in, never read from a clock."""

from datetime import UTC, date, datetime, time


def utc_seconds(day: date) -> int:
    """The first second of a day."""
    return int(datetime.combine(day, time(), UTC).timestamp())


def utc_date(seconds: int) -> date:
    """The day a second lies in."""
    return datetime.fromtimestamp(seconds, UTC).date()
