"""Tells TensorFlow the shapes of the variables that a function called by a loop works on.

It simplifies the graph of Keras's own step knowing them: of `variable * decay * rate` it multiplies the two numbers
first. A function that is called by another is told of no shapes, is simplified otherwise, and rounds otherwise.
"""

from typing import Any

import tensorflow as tf
from tensorflow.python.ops import handle_data_util


def tell_shapes(graph: Any) -> None:
    """Note at every variable that `graph` has captured which shape it has; to be called when all of it is traced."""
    for _, inner in graph.captures:
        data = handle_data_util.get_resource_handle_data(inner) if inner.dtype == tf.resource else None
        if data is None or not data.is_set:
            continue
        shapes, types = tf.compat.v1.AttrValue(), tf.compat.v1.AttrValue()
        for each in data.shape_and_type:
            shapes.list.shape.add().CopyFrom(each.shape)
            types.list.type.append(each.dtype)
        inner.op._set_attr("_handle_shapes", shapes)
        inner.op._set_attr("_handle_dtypes", types)
