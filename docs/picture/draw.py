#!/usr/bin/env python3
"""Draws what the program says of a real hang: draw.py PROGRAM [LIMIT] > hang.svg

A listener on this machine accepts git's connection and never says a word. The program runs on a
pseudo-terminal, and what it writes becomes text in an SVG, colours included.
"""

import os
import pty
import re
import socket
import subprocess
import sys
import tempfile
from html import escape

COLUMNS = 80
WIDTH, HEIGHT, MARGIN = 8.4, 19, 18
STYLE = {"1;33": "name", "2": "dim", "33": "fact"}


def run(program, limit):
    """The prompt with the command, and all that a terminal shows of it."""
    with socket.socket() as listener, tempfile.TemporaryDirectory() as directory:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://me:secret@127.0.0.1:{listener.getsockname()[1]}/x.git"
        # Neither a proxy nor somebody's configuration comes between git and the listener.
        environment = {"PATH": os.environ["PATH"], "HOME": directory, "LC_ALL": "C.UTF-8"}
        for words in (["init", "-q", "."], ["remote", "add", "origin", url]):
            subprocess.run(["git", *words], check=True, cwd=directory, env=environment)
        master, slave = pty.openpty()
        command = [program, "--color=always", limit, "git", "fetch"]
        streams = {"stdout": slave, "stderr": slave}
        child = subprocess.Popen(command, cwd=directory, env=environment, **streams)
        os.close(slave)
        seen = b""
        try:
            while part := os.read(master, 4096):
                seen += part
        except OSError:
            pass  # Nobody has the terminal any more.
        assert child.wait() == 124, seen
    return f"\x1b[2m$\x1b[0m grpkill-timeout {limit} git fetch\n" + seen.decode().replace("\r", "")


def runs(line):
    """The parts of a line of one style each: the column, the style and the text."""
    column, style = 0, ""
    for part in re.split("(\x1b\\[[0-9;]*m)", line):
        if part.startswith("\x1b"):
            style = STYLE.get(part[2:-1], "")
        elif part:
            indent = len(part) - len(part.lstrip(" "))
            if part.strip(" "):
                yield column + indent, style, part.strip(" ")
            column += len(part)


def draw(text):
    lines = text.splitlines()
    width = COLUMNS * WIDTH + 2 * MARGIN
    height = len(lines) * HEIGHT + 2 * MARGIN
    # A dark window is readable on a light page and on a dark one.
    yield '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" role="img"'
    yield f'     viewBox="0 0 {width:g} {height:g}">'
    yield f"<title>{escape('A hanging git fetch, ended and explained')}</title>"
    yield "<style>"
    yield "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre}"
    yield "text{fill:#e6edf3}"
    yield ".name{fill:#e3b341;font-weight:bold}.dim{fill:#9198a1}.fact{fill:#e3b341}</style>"
    size = f'width="{width - 1:g}" height="{height - 1:g}" rx="8"'
    yield f'<rect x=".5" y=".5" {size} fill="#0d1117" stroke="#3d444d"/>'
    for row, line in enumerate(lines):
        baseline = MARGIN + row * HEIGHT + 14
        for column, style, part in runs(line):
            # The length keeps columns in line whatever the font is.
            place = f'x="{MARGIN + column * WIDTH:g}" y="{baseline}"'
            look = f' class="{style}"' if style else ""
            length = f'textLength="{len(part) * WIDTH:g}"'
            yield f"<text {place} {length}{look}>{escape(part)}</text>"
    yield "</svg>"


if __name__ == "__main__":
    program = os.path.abspath(sys.argv[1])
    limit = sys.argv[2] if len(sys.argv) > 2 else "5s"
    sys.stdout.reconfigure(encoding="utf-8")
    print("\n".join(draw(run(program, limit))))
