"""Event streams: readers, slicing into time steps, and a model of the sensor that makes them."""

from seneca_sim.events.formats.npz import save_events
from seneca_sim.events.inputs import NetworkInput, load_input
from seneca_sim.events.recording import FrameRecording, Recording
from seneca_sim.events.sensor import moving_sensor
from seneca_sim.events.sparse import LayerTrace, dense_steps, sparse_steps
from seneca_sim.events.stream import EventStream, find_recording, open_recording, read_events, recording_names

__all__ = [
    "EventStream",
    "FrameRecording",
    "LayerTrace",
    "NetworkInput",
    "Recording",
    "dense_steps",
    "find_recording",
    "load_input",
    "moving_sensor",
    "open_recording",
    "read_events",
    "recording_names",
    "save_events",
    "sparse_steps",
]
