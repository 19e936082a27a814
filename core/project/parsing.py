"""Python code as a tree, one thread at a time.

Python 3.11 counts the depth of the trees it makes in one place for all threads: when two make one at once, it may
raise SystemError ("AST constructor recursion depth mismatch"), and the window does parse in several threads.
Both functions raise what `ast.parse` does: SyntaxError, ValueError, RecursionError, MemoryError.
"""

import ast
import threading

_LOCK = threading.RLock()


def module(code: str) -> ast.Module:
    """Return the tree of statements."""
    with _LOCK:
        return ast.parse(code)


def formula(code: str) -> ast.Expression:
    """Return the tree of one expression."""
    with _LOCK:
        return ast.parse(code, mode="eval")
