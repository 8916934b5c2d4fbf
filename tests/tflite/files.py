"""Small TensorFlow Lite files that tests write: one operator, int8, everything stated."""

from pathlib import Path

import flatbuffers
import numpy as np
import tflite


def _vector(builder, array):
    return builder.CreateNumpyVector(np.asarray(array))


def _tensor(builder, shape, dtype, buffer, scale, zero, axis):
    scales, zeros = (
        _vector(builder, np.asarray(scale, np.float32).reshape(-1)),
        _vector(builder, np.asarray(zero, np.int64).reshape(-1)),
    )
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    tflite.QuantizationParametersAddZeroPoint(builder, zeros)
    tflite.QuantizationParametersAddQuantizedDimension(builder, axis)
    quantisation = tflite.QuantizationParametersEnd(builder)
    sizes, name = _vector(builder, np.asarray(shape, np.int32)), builder.CreateString("t")
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, sizes)
    tflite.TensorAddType(
        builder, {np.dtype(np.int8): 9, np.dtype(np.int32): 2, np.dtype(np.float32): 0}[np.dtype(dtype)]
    )
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddQuantization(builder, quantisation)
    return tflite.TensorEnd(builder)


def _tables(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _options(builder, name, values):
    if not name:
        return None
    getattr(tflite, f"{name}Start")(builder)
    for field, value in values.items():
        getattr(tflite, f"{name}Add{field}")(builder, value)
    return getattr(tflite, f"{name}End")(builder)


def write(path: Path, kind: str, tensors, n_inputs: int, options: str = "", **values) -> Path:
    """Write a file with one operator; `tensors` are (shape, dtype, data or None, scale, zero point, axis), the result last."""
    builder = flatbuffers.Builder(1024)
    buffers, made = [], []
    for _, dtype, data, *_ in [((), np.int8, None), *tensors]:
        stored = None if data is None else _vector(builder, np.asarray(data, dtype).reshape(-1).view(np.uint8))
        tflite.BufferStart(builder)
        if stored is not None:
            tflite.BufferAddData(builder, stored)
        buffers.append(tflite.BufferEnd(builder))
    for number, (shape, dtype, _, scale, zero, axis) in enumerate(tensors):
        made.append(_tensor(builder, shape, dtype, number + 1, scale, zero, axis))
    last = len(tensors) - 1
    table = _options(builder, options, values)
    ends = [_vector(builder, np.array(numbers, np.int32)) for numbers in (range(last), [last], range(n_inputs), [last])]
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, 0)
    tflite.OperatorAddInputs(builder, ends[0])
    tflite.OperatorAddOutputs(builder, ends[1])
    if table is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, options))
        tflite.OperatorAddBuiltinOptions(builder, table)
    operators = _tables(builder, [tflite.OperatorEnd(builder)])
    listed = _tables(builder, made)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, listed)
    tflite.SubGraphAddInputs(builder, ends[2])
    tflite.SubGraphAddOutputs(builder, ends[3])
    tflite.SubGraphAddOperators(builder, operators)
    graphs = _tables(builder, [tflite.SubGraphEnd(builder)])
    code = getattr(tflite.BuiltinOperator, kind)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    codes = _tables(builder, [tflite.OperatorCodeEnd(builder)])
    contents = _tables(builder, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, contents)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
