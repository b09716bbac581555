"""A fully connected network as an ONNX model."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde.features import Feature
from sde.training.storage import replacing

__all__ = ["to_onnx"]

#: Operators that compute the registry's features.
OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "sine": "Sin", "erf": "Erf"}

#: Of 2022, with the format of that time: read by every runtime since.
OPERATOR_SET, FORMAT = 17, 8

#: A model is one protocol buffer, of less than 2 GiB; names and shapes take little.
LARGEST = 2**31 - 2**20


def to_onnx(path: str | PathLike[str], weights: Sequence[NDArray[Any]], feature: Feature) -> None:
    """Write a model; see `FullyConnectedNetwork.to_onnx`."""
    if not feature.builtin or feature.name not in OPERATORS:
        raise ValueError(
            f"need a feature that ONNX has, got {feature.name!r}; train with one of "
            f"{', '.join(map(repr, sorted(OPERATORS)))}"
        )
    if feature.name == "erf" and weights[0].dtype == np.float64:
        raise ValueError(
            "need float32 weights with the feature 'erf', got float64, for which runtimes have no "
            'Erf; write network.astype("float32")'
        )
    size = sum(each.nbytes for each in weights)
    if size > LARGEST:
        raise ValueError(
            f"need less than 2 GiB of weights in an ONNX model, got {size} bytes; prune and shrink "
            "the network, or use float32"
        )
    content = _model(weights, OPERATORS[feature.name]).SerializeToString()
    with replacing(path) as file:
        file.write(content)


def _model(weights: Sequence[NDArray[Any]], operator: str) -> Any:
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "need the package onnx to write an ONNX model; run: pip install 'levychaos[onnx]'",
            name=error.name,
        ) from None
    last = len(weights) - 1
    nodes, name = [], "x"
    for layer in range(len(weights)):
        product = "outputs" if layer == last else f"arguments_{layer}"
        nodes.append(helper.make_node("MatMul", [name, f"weights_{layer}"], [product]))
        if layer < last:
            name = f"features_{layer}"
            nodes.append(helper.make_node(operator, [product], [name]))
    kind = helper.np_dtype_to_tensor_dtype(weights[0].dtype)
    ends = [("x", weights[0].shape[1]), ("outputs", len(weights[-1]))]
    x, outputs = [
        helper.make_tensor_value_info(end, kind, ["batch", columns]) for end, columns in ends
    ]
    stored = [
        numpy_helper.from_array(np.ascontiguousarray(each.T), f"weights_{layer}")
        for layer, each in enumerate(weights)
    ]
    graph = helper.make_graph(nodes, "fully_connected", [x], [outputs], stored)
    model = helper.make_model(
        graph,
        producer_name="levychaos",
        ir_version=FORMAT,
        opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
    )
    onnx.checker.check_model(model)
    return model
