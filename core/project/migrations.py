"""Bring a project of an older version up to today's, one function a version.

A migration takes the JSON object of version n and returns that of version n + 1. It works on plain JSON,
never on `core.project.schema`, which only knows today's version.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from core.project.schema import VERSION

Raw = dict[str, Any]
Migration = Callable[[Raw], Raw]

# Version 1 is the first that was published, so nothing needs upgrading yet.
MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})


def upgrade(raw: Raw, migrations: Mapping[int, Migration] = MIGRATIONS, version: int = VERSION) -> Raw:
    """Return `raw` as `version` would have written it. Raises KeyError(n) where no migration leaves version
    n."""
    while raw["lossmith"] < version:
        before: int = raw["lossmith"]
        raw = {**migrations[before](raw), "lossmith": before + 1}
    return raw
