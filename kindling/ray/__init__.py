"""A million photos: the same pictures and figures on Ray, an engine that spreads work over processes and machines.

import kindling.ray
kindling.ray.enhance(["photos/"], "brighter/")            # files to files, with a manifest; `kindling enhance --on ray`
kindling.ray.evaluate("low/", "high/", out="figures/")    # `kindling evaluate --on ray`
brighter = kindling.ray.enhance_dataset(ds)               # a Ray Data set with a column of bytes to another one

Actors hold the model and read and write the photos themselves; the process that calls sees rows of the manifest only.
Ray is imported when one of these is called, and with it comes `pip install 'kindling-llie[ray]'`.
"""

from kindling.ray.datasets import enhance_dataset
from kindling.ray.evaluating import evaluate
from kindling.ray.run import Summary, enhance

__all__ = ["Summary", "enhance", "enhance_dataset", "evaluate"]
