"""Frames are cut, checked and bounded; what is malformed is refused in a sentence."""

import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.project.facts import ModelFacts
from core.project.schema import Layer, Model, Project
from core.runs import wire
from core.runs.client import connect
from core.runs.launch import Endpoint, EngineFailed


def test_a_project_survives_the_wire():
    project = Project(
        model=Model(layers={"trunk": Layer(class_name="Dense", sources=("x",), config={"units": 3})})
    )
    sent = wire.AskFacts(request=3, project=project)
    (body,) = wire.Frames().feed(wire.encode(sent))
    assert wire.command(body) == sent


def test_messages_survive_the_wire():
    sent = wire.FactsFound(request=1, facts=ModelFacts(shapes={"layer:a": (None, 3)}))
    (body,) = wire.Frames().feed(wire.encode(sent))
    assert wire.message(body) == sent


def test_infinite_speeds_are_still_json():
    sent = wire.Progress(epoch=1, epochs=2, step=3, steps=4, speed=float("inf"))
    (body,) = wire.Frames().feed(wire.encode(sent))
    assert wire.message(body).speed == float("inf")


@given(st.lists(st.integers(1, 40), max_size=12))
def test_frames_are_found_however_the_stream_is_cut(cuts):
    stream = b"".join(wire.encode(wire.SetWeight(term="mse", weight=number)) for number in range(5))
    frames, found = wire.Frames(), []
    for cut in [*cuts, len(stream)]:
        found += frames.feed(stream[:cut])
        stream = stream[cut:]
    assert [wire.command(body).weight for body in found] == [0, 1, 2, 3, 4]


def test_an_oversized_frame_is_refused_before_it_arrives():
    with pytest.raises(wire.WireError, match="limit"):
        list(wire.Frames().feed(struct.pack(">I", wire.LIMIT + 1)))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"kind": "launch"}', b'{"kind": "stop", "now": 1}', b"\xff", b"[" * 100_000],
)
def test_what_is_no_command_is_refused(body):
    with pytest.raises(wire.WireError):
        wire.command(body)


def test_a_weight_must_be_a_number():
    with pytest.raises(wire.WireError):
        wire.command(b'{"kind": "set_weight", "term": "a", "weight": "NaN"}')


@pytest.fixture
def hostile(tmp_path):
    """A client, and the socket of an engine that says whatever a test wants."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()[0]))
        thread.start()
        client = connect(Endpoint(server.getsockname()[1], "token", 0, tmp_path))
        thread.join()
        with client, accepted[0] as engine:
            yield client, engine


def test_an_engine_that_speaks_nonsense_is_left(hostile):
    client, engine = hostile
    engine.sendall(struct.pack(">I", 7) + b"garbage")
    assert "nobody can read" in client.receive(5).sentence


def test_an_engine_that_leaves_is_noticed(hostile):
    client, engine = hostile
    engine.sendall(wire.encode(wire.More(step=1, epochs=0)))
    engine.close()
    assert client.receive(5).step == 1
    assert isinstance(client.receive(5), wire.Gone)
    assert isinstance(client.receive(5), wire.Gone)
    client.send(wire.Stop())


def test_silence_is_none(hostile):
    assert hostile[0].receive(0.01) is None


def test_no_engine_at_the_port_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(EngineFailed, match="No engine answers"):
        connect(Endpoint(port, "token", 0, tmp_path))
