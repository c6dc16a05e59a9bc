"""The external-data file that Dash and Dot share: fp16, every distinct tensor once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ALIGNMENT = 64
"""Tensors begin at multiples of this many bytes."""
SMALLEST = 16
"""Tensors of fewer elements stay in the graph as they are: shapes, axes, scalars."""


class WeightFile:
    """Collects tensors by content and writes them into one file."""

    def __init__(self, name: str):
        self.name = name
        self.data = bytearray()
        self.offsets: dict[bytes, int] = {}

    def add(self, array: np.ndarray) -> tuple[int, int]:
        """Stores an array unless its bytes are there already; returns (offset, length)."""
        content = np.ascontiguousarray(array).tobytes()
        key = hashlib.sha256(content).digest()
        if key not in self.offsets:
            self.data.extend(bytes(-len(self.data) % ALIGNMENT))
            self.offsets[key] = len(self.data)
            self.data.extend(content)
        return self.offsets[key], len(content)

    def write(self, directory: Path) -> None:
        """Writes the file into a model directory."""
        (directory / self.name).write_bytes(self.data)


def exact_in_half(array: np.ndarray) -> bool:
    """Whether fp16 holds every value of a float32 array without rounding."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(array.astype(np.float16).astype(np.float32), array))


def externalize(model: onnx.ModelProto, weights: WeightFile) -> None:
    """Moves large float32 initializers into the weight file, as fp16 where that is exact.

    The graph gets a Cast after each fp16 tensor, which constant folding turns into float32.
    """
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALLEST:
            continue
        array = numpy_helper.to_array(tensor)
        if exact_in_half(array):
            array = array.astype(np.float16)
            casts.append(
                helper.make_node(
                    "Cast", [tensor.name + ".half"], [tensor.name], tensor.name + ".cast",
                    to=TensorProto.FLOAT,
                )
            )
            tensor.name += ".half"
            tensor.data_type = TensorProto.FLOAT16
        offset, length = weights.add(array)
        for field in ("raw_data", "float_data"):
            tensor.ClearField(field)
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in (("location", weights.name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
