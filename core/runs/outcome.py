"""How runs end, in a user's words: signals, exceptions, and what Keras and TensorFlow wrap around them."""

import re
import signal

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
KEPT = "Everything up to its last block of steps is kept."


def death(returncode: int | None) -> tuple[str | None, str]:
    """Return the signal's name, if one ended the engine, and the sentence that says how the engine ended.

    `returncode` is a process's: negative for a signal, None when nobody can say.
    """
    if returncode is None:
        return None, f"The engine's process is gone, and nobody saw why. {KEPT}"
    if returncode < 0:
        name = _signal_name(-returncode)
        return name, f"The engine {SIGNALS.get(name, f'was ended by signal {name}')}. {KEPT}"
    how = "as if all were well" if returncode == 0 else f"with exit code {returncode}"
    return None, f"The engine's process ended by itself {how}, in the middle of its work. {KEPT}"


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
