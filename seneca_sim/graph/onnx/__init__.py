"""ONNX and QONNX files as graphs (extra ``[onnx]``); the arithmetic is this package's own, no runtime is needed."""

from seneca_sim.graph.onnx.reader import OnnxOptions, read_onnx

__all__ = ["OnnxOptions", "read_onnx"]
