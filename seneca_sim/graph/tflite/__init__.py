"""TensorFlow Lite files as graphs (extra ``[tflite]``)."""

from seneca_sim.graph.tflite.reader import read_tflite

__all__ = ["read_tflite"]
