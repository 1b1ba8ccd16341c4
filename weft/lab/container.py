"""The container in which a teacher grades what strangers hand in: its file, and the line that runs it."""

from __future__ import annotations

FILE = "Containerfile"
USER = 10001
"""Number of the user that runs students' code; nobody on the host."""

TEXT = f"""\
# Grades hand-ins of strangers; README.md, "Grading", says how it is built and run.
FROM docker.io/library/python:3.11-slim-bookworm
COPY {{wheel}} /class/
RUN pip install --no-cache-dir '/class/{{wheel}}{{extra}}'
COPY labs /class/labs
ENV WEFT_LABS=/class/labs HOME=/tmp NUMBA_CACHE_DIR=/tmp/numba PYTHONDONTWRITEBYTECODE=1
USER {USER}:{USER}
WORKDIR /hand-in
ENTRYPOINT ["weft", "lab", "check"]
"""

ISOLATION = (
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp:rw,nosuid,nodev,noexec,size=512m",
    "--pids-limit=128",
    "--memory=3g",
    "--memory-swap=3g",
    "--cpus=2",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    f"--user={USER}:{USER}",
)
"""No network, nothing to write but 512 MiB of its own, bounds on processes and memory, and no right but to compute."""

_RUN = " \\\n        ".join(
    ("docker run --rm", " ".join(ISOLATION[:3]), " ".join(ISOLATION[3:7]), " ".join(ISOLATION[7:]),
     '--volume="$PWD/hand-ins/ada:/hand-in:ro" weft-labs {first} --json')
)  # fmt: skip

PARAGRAPH = f"""\
## Grading
For whoever gives marks. `weft lab check` holds code to limits of time, memory, processes and files: against accidents.
What strangers hand in belongs into a container, which sees its own folder, read-only, and no network. With docker or
podman:

    docker build -f {FILE} -t weft-labs .
    {_RUN}

prints the result of the hand-in in `hand-ins/ada` as one JSON object; the exit code is 0 if every hole passes, 1 if
not, 2 if there is nothing to check. Labs and checks are those that were beside the {FILE} when the container was
built: build it from your own copy. Code in the container shares a process with the checks, and can say of itself what
it likes: it cannot harm you or read what others handed in, but for marks that matter read what it does.
"""


def containerfile(wheel: str, extra: str) -> str:
    """The text of the file for a hand-out with this wheel; ``extra`` is what of it is installed, such as ``[labs]``."""
    return TEXT.format(wheel=wheel, extra=extra)


def paragraph(first: int) -> str:
    """How to grade with it, for the hand-out's README; ``first`` is the number of a lab to show it with."""
    return PARAGRAPH.format(first=first)
