"""``python -m tests.fuzz_files``: as many hostile files as are wanted, with a line for each kind at the end."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz_files import attempt, hostile, kinds, small_limits
from weft.sim.engines import get_engine

CHUNK = 1000


def main() -> int:
    """Run; 3 if a file did what none may."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_files")
    parser.add_argument("-n", type=int, default=500, help="how many of each kind")
    parser.add_argument("--first", type=int, default=0, help="the number of the first")
    parser.add_argument("--kind", choices=list(kinds.KINDS), action="append", help="only this kind")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-files"), help="where files that fail are kept")
    options = parser.parse_args()
    try:
        get_engine("rtl").run(kinds._sound()[0])
        kinds.AVAILABLE.add("rtl")
    except Exception as missing:  # whatever is missing, the other engines run
        print(f"without the rtl engine: {missing}")
    failed = 0
    for kind in options.kind or kinds.KINDS:
        began, accepted, wrong = time.process_time(), 0, 0
        with tempfile.TemporaryDirectory() as folder, small_limits():
            path = Path(folder, kind)
            for number in range(options.first, options.first + options.n):
                path.write_bytes(hostile(kind, number))
                try:
                    accepted += attempt(kind, path)
                except Exception:
                    wrong += 1
                    options.keep.mkdir(exist_ok=True)
                    (options.keep / f"{kind}-{number}").write_bytes(path.read_bytes())
                    print(f"{kind} {number}:\n{traceback.format_exc(limit=-4)}", flush=True)
                if (number + 1) % CHUNK == 0:
                    print(f"{kind}: {number + 1}, {accepted} accepted, {wrong} wrong", flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        seconds = time.process_time() - began
        print(f"{kind}: {options.n} files, {accepted} accepted, {wrong} wrong; {seconds:.0f} s, at most {peak} MiB")
        failed += wrong
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
