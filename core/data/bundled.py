"""The data sets that scikit-learn carries in its wheel, with columns named.

`core.codegen.reading_code` prints the same calls into the script; a test holds the two together.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from sklearn import datasets

from core.data.blocks import Block, of_array, of_frame
from core.data.classes import BUNDLED
from core.project.schema import SklearnSet


@lru_cache(maxsize=8)
def columns(name: SklearnSet) -> Block:
    """Return the columns of a set; `digits` has `image` of shape (8, 8), from 0 to 16, `digit` and `odd`."""
    if name == "digits":
        digits = datasets.load_digits()
        arrays = {"image": digits.images, "digit": digits.target, "odd": digits.target % 2}
        return {column: of_array(np.asarray(array)) for column, array in arrays.items()}
    if name == "linnerud":
        return of_frame(datasets.load_linnerud(as_frame=True).frame)
    if name == "diabetes":
        bunch = datasets.load_diabetes(as_frame=True, scaled=False)
        return of_frame(bunch.data.assign(progression=bunch.target))
    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    return of_frame(bunch.data.assign(**{BUNDLED[name]: bunch.target_names[bunch.target]}))
