"""Measures what telemetry costs: the same step with and without it, in one process and in turns.

    python -m scripts.measures.telemetry [--rounds 40] [--only 2x64] [--json FILE]

Each case is compiled twice, as the engine compiles it: once as the script has it, once with every term of the step
recorded and read out as often as the engine does. Blocks of both are made in turns; figures are medians of processor
time, which other programs disturb less than they do clocks.
"""

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}

from core.engine.blocks import BLOCK_SECONDS, Rows  # noqa: E402
from core.engine.loops import Exact  # noqa: E402
from core.engine.telemetry import Telemetry  # noqa: E402
from core.engine.watch import INTERVAL  # noqa: E402
from scripts.measures.cases import IMAGES, LARGE, SMALL, Case, project_of, run_folder  # noqa: E402


class Alone:
    """Compiles every loop anew."""

    def loop(self, _name: str, make: Any, *_owners: object) -> tuple[Any, bool]:
        return make(), False


class Watched:
    """The steps of one case, with telemetry or without."""

    def __init__(self, script: Path, telemetry: bool):
        module = _imported(script, f"train_{telemetry}")
        module.keras.utils.set_random_seed(module.SEED)
        rows = module.load_data()[0]
        model = module.build_model(rows)
        module.compile_model(model)
        self._telemetry = Telemetry(model) if telemetry else None
        if self._telemetry:
            self._telemetry.install()
        model.optimizer.build(model.trainable_variables)
        self._rows = Rows(module.Batches(rows), module.BATCH_SIZE)
        self._way = Exact(model, model.train_step, self._rows, "steps", Alone())
        self._way.prepare()
        self._first, self._read = 0, time.perf_counter()

    @property
    def settled(self) -> bool:
        return self._way.settled

    def seconds_a_step(self, seconds: float) -> float:
        """Make a block that lasts about `seconds`, or one step; return the processor time of a step.

        The telemetry is read out where that is due.
        """
        count = max(1, min(int(seconds / self._way.seconds), self._way.most(self._first)))
        began = time.process_time()
        self._way(self._first, count)
        if self._telemetry and time.perf_counter() - self._read > INTERVAL:
            self._telemetry.take()
            self._read = time.perf_counter()
        self._first = (self._first + count) % self._rows.steps
        return (time.process_time() - began) / count


def cost(case: Case, folder: Path, rounds: int) -> dict[str, Any]:
    """The milliseconds of processor time of a step with and without telemetry, and its share of them."""
    script = run_folder(project_of(case, folder), folder, folder / "runs") / "train.py"
    ways = [Watched(script, telemetry=telemetry) for telemetry in (False, True)]
    while not all(way.settled for way in ways):
        for way in ways:
            way.seconds_a_step(BLOCK_SECONDS)
    pairs = [[1e3 * way.seconds_a_step(BLOCK_SECONDS) for way in ways] for _ in range(rounds)]
    without, watched = (statistics.median(times) for times in zip(*pairs, strict=True))
    share = statistics.median(1 - plain / full for plain, full in pairs)
    return {"case": case.name, "ms_without": without, "ms_with": watched, "share": share}


def _imported(script: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="measure only cases with this in their name")
    parser.add_argument("--json", type=Path, default=None, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lossmith-telemetry-") as folder:
        chosen = [case for case in (SMALL, LARGE, IMAGES) if options.only in case.name]
        rows = [cost(case, Path(folder), options.rounds) for case in chosen]
    print(f"{'case':<24}{'without':>11}{'with':>11}{'share':>9}")
    for row in rows:
        print(f"{row['case']:<24}{row['ms_without']:>8.3f} ms{row['ms_with']:>8.3f} ms{row['share']:>9.1%}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
