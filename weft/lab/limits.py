"""What student code may use of the computer that grades it: limits that the system holds, and those that are watched.

The grading process sets the system's own (``setrlimit``) on itself before student code runs; processes that student
code starts inherit them, each for itself. What they use together, and how many they are, the process that started it
looks at (``weft.lab.warden``). Against accidents, not against malice: whoever grades strangers isolates them.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from weft.base.limits import Limit

MIB = 1 << 20
MEMORY = Limit("lab_memory", 2 << 30, "byte", "the memory that a check takes, its processes together")
PROCESSES = Limit("lab_processes", 64, "task", "the processes of a check at once")
FILE = Limit("lab_file", 256 * MIB, "byte", "a file that a check writes")
FILES = Limit("lab_files", 256, "file", "the files that a process has open at once")
CPU = Limit("lab_cpu", 3600, "second", "the processor time of a process")
OUTPUT = Limit("lab_output", 64 * MIB, "byte", "what a process says to the one that grades")

LIMITS = (MEMORY, PROCESSES, FILE, FILES, CPU, OUTPUT)

_OF_ERRNO = {errno.EFBIG: FILE, errno.EMFILE: FILES, errno.ENOMEM: MEMORY, errno.EAGAIN: PROCESSES}


def told(limit: Limit) -> str:
    """A limit in a few words, for the line that says it was met."""
    shown = f"{limit.value / MIB:,g} MiB" if limit.unit == "byte" else f"{limit.value:,} {limit.unit}s"
    return f"the limit is {shown} ({limit.doc}; {limit.variable} changes it)"


def met(problem: BaseException) -> str | None:
    """The limit that an exception of Python's is about, in words; None if it is about none."""
    if isinstance(problem, MemoryError):
        return told(MEMORY)
    if isinstance(problem, RuntimeError) and "can't start new thread" in str(problem):
        return told(PROCESSES)
    if isinstance(problem, OSError) and problem.errno in _OF_ERRNO:
        return told(_OF_ERRNO[problem.errno])
    return None


def hold() -> None:
    """Have the system hold this process, and those that it starts, to the limits; where there are such limits.

    Memory is counted as data (``RLIMIT_DATA``): what is written to, on top of what is in use now. Address space, which
    NumPy, numba and z3 reserve and do not use, is not. Only Linux counts it so.
    """
    try:
        import resource
    except ImportError:
        return  # Windows
    wanted: dict[int, int] = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE.value,
        resource.RLIMIT_NOFILE: FILES.value,
        resource.RLIMIT_CPU: CPU.value,
    }
    if sys.platform == "linux":
        wanted[resource.RLIMIT_DATA] = _data() + MEMORY.value
        if os.geteuid() != 0:  # a limit on all that the user runs, which root has not
            wanted[resource.RLIMIT_NPROC] = _tasks() + PROCESSES.value
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        grace = 5 if kind == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else 0  # SIGXCPU, then SIGKILL
        resource.setrlimit(kind, (most, most + grace))


def _tasks() -> int:
    """Threads of all processes of this user, as the system counts them."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            count += len(os.listdir(folder / "task")) if folder.stat().st_uid == os.getuid() else 0
    return count


def _data() -> int:
    """Bytes of data that this process has in use."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
