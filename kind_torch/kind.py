"""KinD as one object: the three nets under their names, and the four things to do with them.

kind_tf/kind.py is the same class in TensorFlow.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kind_torch import fusion, model
from kind_torch.nets import Nets
from kindling.families.kind.nets import RESTORATION
from kindling.families.reach import Spans
from kindling.families.registry import KIND

__all__ = ["KinD"]


class KinD(Nets):
    """The nets of KinD (Zhang et al., ACM MM 2019) as PyTorch modules; tensors NCHW in [0, 1].

    nets: which of the three to build, by default all; freshly initialised as slim does. dtype: "float32", "float64" or
    another float of PyTorch's. `source` names where the weights came from, for error messages. A net that was not
    built is a MissingNetError wherever it is asked for. Under torch.autocast inputs of any float will do, and between
    the nets halves are handed on.

    >>> import torch
    >>> R, L = KinD(["DecomNet"]).decompose(torch.rand(1, 3, 5, 7))
    >>> R.shape, L.shape
    (torch.Size([1, 3, 5, 7]), torch.Size([1, 1, 5, 7]))
    """

    family = KIND
    parts = {  # noqa: RUF012 - of the class, and never changed
        "DecomNet": model.DecomNet_simple,
        "Restoration_net": model.Restoration_net,
        "Illumination_adjust_net": model.Illumination_adjust_net,
    }
    float32_bytes = 1500

    def decompose(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A photo into reflectance and illumination. x: (n, 3, h, w). Returns R (n, 3, h, w), L (n, 1, h, w)."""
        net = self.net("decompose")
        self.check(net, x=(x, 3))
        with self.sizes_of_one_allowed():
            return net(x)

    def restore(self, r: Tensor, i: Tensor, core: Spans | None = None) -> Tensor:
        """Clean the reflectance. r: (n, 3, h, w), i: (n, 1, h, w). Returns (n, 3, h, w).

        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo.
        """
        net = self.net("restore")
        self.check(net, r=(r, 3), i=(i, 1))
        if core is None:
            with self.sizes_of_one_allowed():
                return net(r, i)
        cuts, inside = RESTORATION.reach.windows(core, r.shape[-2:])
        return net(r, i, cuts)[..., *inside]

    def adjust(self, i: Tensor, ratio: float | Sequence[float] | Tensor) -> Tensor:
        """Light the illumination. i: (n, 1, h, w); ratio, usefully 0 to 5: a number, n numbers, or a map (n, 1, h, w).

        Returns (n, 1, h, w).
        """
        net = self.net("adjust")
        self.check(net, i=(i, 1))
        ratio = torch.as_tensor(ratio, dtype=i.dtype, device=i.device)
        if ratio.ndim == 0:
            ratio = ratio.expand(i.shape)
        elif ratio.ndim == 1:
            ratio = ratio.reshape(-1, 1, 1, 1).expand(-1, -1, *i.shape[-2:])
        self.check(net, i=(i, 1), ratio=(ratio, 1))
        return net(i, ratio)

    def enhance(self, x: Tensor, ratio: float | Sequence[float] | Tensor = 5.0) -> Tensor:
        """The whole of evaluate.py after loading: decompose, restore, adjust, fuse.

        x: (n, 3, h, w) in [0, 1]. It is taken as it is: stretch a photo to its own minimum and maximum first, as
        evaluate.py does and `kindling.images.load_images` does, or a dark one comes out otherwise. ratio: as in
        `adjust`. Returns (n, 3, h, w) in [0, 1].
        """
        with self.sizes_of_one_allowed():
            R, L = self.decompose(x)
            return fusion.fuse(x, R, L, self.restore(R, L), self.adjust(L, ratio))

    def forward(self, x: Tensor, ratio: float | Sequence[float] | Tensor = 5.0) -> Tensor:
        """`enhance`, so that KinD is a module like any other."""
        return self.enhance(x, ratio)
