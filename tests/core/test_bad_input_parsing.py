"""Several threads may read code at once: Python 3.11 has mixed up the depths of their trees."""

import sys
import threading

import pytest

from core.project import parsing

CODE = "\n".join(
    f"def f{i}(a, b):\n    return [(a + {i}) * (b - x) ** 2 for x in range({i})]" for i in range(40)
)


def test_threads_that_parse_at_once_do_not_disturb_each_other() -> None:
    trouble: list[BaseException] = []

    def work() -> None:
        for _ in range(15):
            try:
                parsing.module(CODE)
                parsing.formula("exp(-s) * (y - p) ** 2 + s")
            except BaseException as error:
                trouble.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert trouble == []


def test_code_that_is_none_raises_as_ever() -> None:
    with pytest.raises(SyntaxError):
        parsing.formula("1 +")
