"""An engine that is none: started as one, it opens its socket as one does, and then says what no engine should.

`python -m tests.gui.hostile --state FOLDER --mode MODE`; the modes are the functions below.
"""

import argparse
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.project.facts import ModelFacts
from core.runs import alive, wire
from core.runs.launch import Endpoint, write_endpoint

LONG = 10 * 2**20
READY = wire.Ready(versions={"keras": "3"})


class Talk:
    """The connection to one client, and what it was told to train."""

    def __init__(self, connection: socket.socket):
        self.socket, self.frames, self.run = connection, wire.Frames(), ""

    def say(self, *messages: wire.Frame) -> None:
        self.socket.sendall(b"".join(wire.encode(message) for message in messages))

    def welcome(self) -> None:
        self.say(wire.Welcome(phase="ready"), READY)

    def until_train(self) -> None:
        """Answer nothing until a run is to be trained."""
        self.welcome()
        while not self.run:
            for body in self.frames.feed(self.socket.recv(65536)):
                command = wire.command(body)
                self.run = command.run if isinstance(command, wire.Train) else self.run
        self.say(wire.Phase(phase="training", sentence="Training.", run=self.run))

    def progress(self, step: int = 1) -> wire.Progress:
        return wire.Progress(epoch=1, epochs=10, step=step, steps=100, speed=10.0)


def garbage(talk: Talk) -> None:
    while True:
        talk.socket.sendall(os.urandom(4096))


def oversized(talk: Talk) -> None:
    talk.socket.sendall(struct.pack(">I", 2**32 - 1) + b"{" * LONG)


def half(talk: Talk) -> None:
    talk.welcome()
    talk.socket.sendall(struct.pack(">I", 500) + b'{"kind": "tr')


def flood(talk: Talk) -> None:
    """Phases and progress as fast as the wire takes them."""
    talk.until_train()
    phases = [wire.Phase(phase=name, sentence=name, run=talk.run) for name in ("paused", "training")]  # type: ignore[arg-type]
    block = b"".join(wire.encode(each) for each in (*phases, *(talk.progress(n) for n in range(50)))) * 50
    while True:
        talk.socket.sendall(block)


def complaints(talk: Talk) -> None:
    """Warnings without end, each of a megabyte."""
    talk.until_train()
    number = 0
    while True:
        talk.say(wire.Trouble(sentence=f"{number} " + "x" * 2**20, details="y" * 2**20))
        number += 1


def essays(talk: Talk) -> None:
    """Sentences of ten megabytes."""
    talk.until_train()
    for _ in range(20):
        talk.say(wire.Phase(phase="training", sentence="long " * (LONG // 5), run=talk.run), talk.progress())
    talk.say(wire.Outcome(run=talk.run, status="failed", sentence="z" * LONG, where="w" * 10**6))


def numbers(talk: Talk) -> None:
    """Counts and speeds that are none."""
    talk.until_train()
    nan, inf = float("nan"), float("inf")
    talk.say(wire.More(step=10**18, epochs=-5))
    for speed, left, count in (
        (nan, nan, -1),
        (inf, -inf, 10**400),
        (-1e308, inf, 0),
        (1e308, 1e308, 10**15),
    ):
        for steps in (0, -1, 10**300):
            talk.say(
                wire.Progress(
                    epoch=count, epochs=count, step=count, steps=steps, speed=speed, seconds_left=left
                )
            )
            talk.say(wire.Silence(seconds=speed, sentence="", line=-1))
            time.sleep(0.06)


def disorder(talk: Talk) -> None:
    """Outcomes twice and of others' runs, phases of unknown runs, facts nobody asked for."""
    talk.say(talk.progress(), wire.Outcome(run="/nowhere", status="done", sentence="Done."), READY, READY)
    talk.say(
        wire.FactsFound(request=10**9, facts=ModelFacts(shapes={f"layer:l{n}": (n,) for n in range(10**5)}))
    )
    talk.until_train()
    talk.say(wire.Phase(phase="paused", sentence="Of another run.", run="/nowhere"))
    talk.say(wire.Ready(versions={f"v{n}": "1" for n in range(10**5)}))
    ended = wire.Outcome(run=talk.run, status="done", sentence="Done: nothing.")
    talk.say(talk.progress(), ended, ended, talk.progress(), ended)


def deaf(talk: Talk) -> None:
    """Never reads what it is sent."""
    talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    talk.welcome()


def stranger(talk: Talk) -> None:
    """Shows everybody the door, as an engine does whose token is another one."""
    talk.socket.close()


def loud(talk: Talk) -> None:
    """Prints without end."""
    talk.welcome()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        os.write(2, b"noise " * 4000)


def stubborn(talk: Talk) -> None:
    """Trains on whatever it is told."""
    talk.until_train()
    while True:
        talk.say(talk.progress())
        time.sleep(0.05)


def frozen(talk: Talk) -> None:
    """Stands still in the middle of a run."""
    talk.until_train()
    talk.say(talk.progress())
    os.kill(os.getpid(), signal.SIGSTOP)


MODES: dict[str, Callable[[Talk], None]] = {
    each.__name__: each
    for each in (garbage, oversized, half, flood, complaints, essays, numbers, disorder, deaf, stranger, loud,
                 stubborn, frozen)
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, required=True)
    options = parser.parse_args()
    with alive.hold(options.state), socket.create_server(("127.0.0.1", 0)) as listener:
        write_endpoint(options.state, Endpoint(listener.getsockname()[1], "t", os.getpid(), options.state))
        while True:
            connection, _ = listener.accept()
            try:
                MODES[options.mode](Talk(connection))
                time.sleep(60)
            except OSError:
                print("The window has left.", file=sys.stderr)


if __name__ == "__main__":
    main()
