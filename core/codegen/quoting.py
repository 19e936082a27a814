"""The only way for a user's text into a script: names through `identifier`, values through `literal`."""

import builtins
import keyword
import math
import re
from collections.abc import Collection

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")

TAKEN = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)


def identifier(name: str, taken: Collection[str] = ()) -> str:
    """Return a Python name for a name of the project: itself, or with an underscore where it is taken.

    Taken are keywords, builtins and the names in `taken`. Different names stay different (`list` -> `list_`,
    `list_` -> `list__`). Raises ValueError for what is no name.
    """
    if not NAME.match(name):
        raise ValueError(f"{name!r} is not a name: letters, digits and _ only, a letter first")
    bare = name.rstrip("_")
    return f"{name}_" if bare in TAKEN or bare in taken else name


def literal(value: object) -> str:
    """Return Python text for `value`: None, bool, int, float, str, and lists, tuples and dicts of these.

    Raises TypeError for anything else.
    """
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, str):
        return text_literal(value)
    return _collection(value)


def _collection(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
    raise TypeError(f"{type(value).__name__} has no literal")


def text_literal(text: str) -> str:
    """Return a string literal on one line, in double quotes where the text has none of its own."""
    quoted = repr(str(text))
    plain = quoted.startswith("'") and '"' not in quoted and "\\'" not in quoted
    return f'"{quoted[1:-1]}"' if plain else quoted


def docstring(text: str) -> str:
    """Return `text` as a docstring on one line; characters that could disturb it become spaces."""
    calm = "".join(char if char.isprintable() and char not in '"\\' else " " for char in text)
    return f'"""{" ".join(calm.split())}"""'
