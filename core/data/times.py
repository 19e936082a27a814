"""Points in time written as text: told from other text, and read with the day or the month first."""

from __future__ import annotations

import re
import warnings

import pandas as pd

LOOKED_AT = 1000
DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}.*)?\s*\Z"
)
DAY_FIRST = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{2,4}")


def look_like_times(values: pd.Series) -> bool:
    """Whether the first of these texts (none missing) are dates."""
    return len(values) > 0 and all(DATE.match(str(value)) for value in values.iloc[:LOOKED_AT])


def day_first(values: pd.Series) -> bool:
    """Whether dates such as 13.04.2024 say the day before the month; points between the numbers mean so.

    The first rows of the column decide, missing ones included, so that whoever asks gets the same answer.
    """
    texts = [str(value) for value in values.iloc[:LOOKED_AT].dropna()]
    found = [match for text in texts if (match := DAY_FIRST.match(text))]
    return any(int(match[1]) > 12 or "." in match[0] for match in found)


def parsed(values: pd.Series, dayfirst: bool, errors: str = "raise") -> pd.Series:
    """Return texts as times, as the script reads them; raises ValueError unless `errors` is "coerce"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"dayfirst": True} if dayfirst else {}
        return pd.Series(pd.to_datetime(values, errors=errors, **options))  # type: ignore[call-overload]
