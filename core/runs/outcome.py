"""How runs end, in a user's words: signals, exceptions, and what Keras and TensorFlow wrap around them."""

import re
import signal

from core.runs.crash import NOTHING, Remains

SIGNALS = {
    "SIGKILL": "was killed from outside (SIGKILL); most often the system ran out of memory",
    "SIGSEGV": "crashed (SIGSEGV, a memory error in native code)",
    "SIGABRT": "gave up (SIGABRT, a failed check in native code)",
    "SIGBUS": "crashed (SIGBUS, memory or a file that is not there any more)",
    "SIGFPE": "crashed (SIGFPE, an arithmetic error in native code)",
    "SIGILL": "crashed (SIGILL, an instruction this processor does not have)",
    "SIGTERM": "was asked to end from outside (SIGTERM)",
    "SIGHUP": "was ended because its session closed (SIGHUP)",
    "SIGINT": "was interrupted (SIGINT)",
    "SIGXCPU": "was ended because its processor time was used up (SIGXCPU)",
    "SIGXFSZ": "was ended because a file grew over the limit (SIGXFSZ)",
}
LESS = "a smaller batch or a smaller model needs less"
OUT_OF_MEMORY = f"The system ran out of memory and killed the engine (SIGKILL); {LESS}"
KEPT = "Everything up to its last block of steps is kept."


def death(
    returncode: int | None, found: Remains = NOTHING, memory_ran_out: bool | None = None
) -> tuple[str | None, str]:
    """Return the signal's name, if one ended the engine, and the sentence that says how the engine ended.

    `returncode` is a process's: negative for a signal, None when nobody can say. `found` is what the engine left in
    the folder of its run; `memory_ran_out` whether the system ended a process for lack of memory meanwhile, None
    when that is not known.
    """
    if found.left_by:
        return None, f"The code ended the engine's process by {found.left_by}{found.place}. {KEPT}"
    name = _signal_name(-returncode) if returncode is not None and returncode < 0 else None
    name = name or (found.signal if returncode is None else None)
    if name is not None:
        return name, f"{_by_signal(name, found, memory_ran_out)}{found.place}. {KEPT}"
    if returncode is None:
        more = ", but the system ran out of memory meanwhile" if memory_ran_out else ""
        return None, f"The engine's process is gone, and nobody saw why{more}. {KEPT}"
    how = "as if all were well" if returncode == 0 else f"with exit code {returncode}"
    return None, f"The engine's process ended by itself {how}, in the middle of its work. {KEPT}"


def fitting(returncode: int | None, found: Remains) -> Remains:
    """What was found, but nothing where it is of an earlier death: how a process ended is known best by its parent."""
    name = _signal_name(-returncode) if returncode is not None and returncode < 0 else None
    stale = name is not None and (bool(found.left_by) or found.signal not in (None, name))
    return Remains(words=found.words) if stale else found


def _by_signal(name: str, found: Remains, memory_ran_out: bool | None) -> str:
    if name == "SIGKILL" and memory_ran_out is not None:
        outside = "The engine was killed from outside (SIGKILL); the system did not run out of memory"
        return OUT_OF_MEMORY if memory_ran_out else outside
    if name in ("SIGSEGV", "SIGBUS") and found.endless:
        return f"The engine crashed ({name}), because {found.function} calls itself without end"
    if name == "SIGABRT" and "bad_alloc" in found.words:
        return f"The engine gave up (SIGABRT), because it got no more memory; {LESS}"
    if name == "SIGABRT" and found.words:
        return f"The engine gave up (SIGABRT, {found.words.rstrip('.')})"
    return f"The engine {SIGNALS.get(name, f'was ended by signal {name}')}"


def plain(text: str) -> str:
    """Return the core of an exception's text: one line without what Keras and TensorFlow wrap around it."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = _graph_error(text)
    text = re.sub(r"(?s)\n+Arguments received by .*", "", text)
    text = re.sub(r"(?s)^Exception encountered when calling ([\w.]+)\(?\)?\.\s*", "", text.strip())
    text = re.sub(r"(?s)^in user code:\n.*?\n\s*(\w+(?:Error|Exception)): ", r"\1: ", text)
    text = re.sub(r"\s*\[\[\{\{.*", "", text, flags=re.S)
    text = re.sub(r"\{\{function_node \S+\}\}\s*", "", text)
    text = re.sub(r" on /job:\S+( by allocator \w+)?|\s*\[Op:\w+\]( name:\s*)?", "", text)
    return re.sub(r"\s+", " ", text).strip()


def raised_within(text: str) -> tuple[str, str] | None:
    """Type and text of the Python error that TensorFlow caught in the middle of a step and wrote into its own."""
    _, found, stack = text.rpartition("Traceback (most recent call last):\n")
    last = re.search(r"(?m)^([A-Za-z_][\w.]*)(?:: (.*))?$", stack) if found else None
    return (last[1], (last[2] or "").strip()) if last else None


def _graph_error(text: str) -> str:
    if not text.startswith("Graph execution error"):
        return text
    lines = [line for line in text.splitlines() if line.strip()]
    stack_ends = max((i for i, line in enumerate(lines) if line.lstrip().startswith('File "')), default=0)
    rest = [line for line in lines[stack_ends + 1 :] if not line.startswith(("Detected at", "Stack trace"))]
    return "\n".join(rest) or text


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
