"""Say in one sentence what is wrong with a project that does not fit the schema: the path, the reason, how
many more."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MAX_SHOWN = 80

NAME_RULE = "a name starts with a letter a-z and goes on with letters a-z, digits and _"

REASONS: Mapping[str, Callable[[ErrorDetails], str]] = {
    "extra_forbidden": lambda _: "is a key that Lossmith does not know: take it out, or update Lossmith",
    "json_invalid": lambda _: "holds half of a character (a lone surrogate), which is no text",
    "missing": lambda _: "is missing",
    "string_pattern_mismatch": lambda _: f"is no name: {NAME_RULE}",
    "string_too_long": lambda error: f"is longer than {error['ctx']['max_length']} characters",
    "too_long": lambda error: f"has more than the {error['ctx']['max_length']:,} entries allowed",
    "union_tag_not_found": lambda _: 'needs a "kind"',
    "union_tag_invalid": lambda error: (
        f'is of the unknown kind "{error["ctx"]["tag"][:MAX_SHOWN]}" (known: {error["ctx"]["expected_tags"]})'
    ),
    "model_type": lambda _: "must be an object",
    "dict_type": lambda _: "must be an object",
    "tuple_type": lambda _: "must be a list",
    "string_type": lambda _: "must be a text",
    "bool_type": lambda _: "must be true or false",
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
}


def sentence(error: ValidationError, raw: Any) -> str:
    """Return what is wrong first in `raw`, by its path, and how many more errors there are."""
    errors = error.errors(include_url=False, include_input=False)
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{_path(first['loc'], raw)} {_reason(first)}{more}"


def _reason(error: ErrorDetails) -> str:
    reason = REASONS.get(error["type"])
    if reason:
        return reason(error)
    message = error["msg"]
    return (message[:1].lower() + message[1:]).replace("input should be", "must be")


def _path(loc: tuple[str | int, ...], raw: Any) -> str:
    """Spell `loc` as keys of the file; pydantic mixes in the kinds of unions, which no file has."""
    path, here = "", raw
    for step, item in enumerate(loc):
        if item == "[key]":
            continue
        if _holds(here, item):
            here = here[item]
        elif step < len(loc) - 1:
            continue
        path += f"[{item}]" if isinstance(item, int) else f".{_shown(item)}" if path else _shown(item)
    return path or "the file"


def _holds(here: Any, item: str | int) -> bool:
    if isinstance(here, dict):
        return item in here
    return isinstance(here, list) and isinstance(item, int) and item < len(here)


def _shown(key: str) -> str:
    key = key if len(key) <= MAX_SHOWN else key[: MAX_SHOWN - 1] + "…"
    return key if key.isidentifier() else f'"{key}"'
