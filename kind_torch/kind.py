"""KinD as one object: the three nets under their names, and the four things to do with them.

kind_tf/kind.py is the same class in TensorFlow.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from kind_torch import fusion, model
from kindling.core.checks import check_dtype, check_input, check_nets, check_same_size, check_state
from kindling.core.errors import MissingNetError
from kindling.families.kind.nets import RESTORATION

__all__ = ["KinD"]

NETS = {
    "DecomNet": model.DecomNet_simple,
    "Restoration_net": model.Restoration_net,
    "Illumination_adjust_net": model.Illumination_adjust_net,
}


class KinD(nn.Module):
    """The nets of KinD (Zhang et al., ACM MM 2019) as PyTorch modules; tensors NCHW in [0, 1].

    nets: which of the three to build, by default all; freshly initialised as slim does. `source` names where the
    weights came from, for error messages. A net that was not built is a MissingNetError wherever it is asked for.

    >>> import torch
    >>> R, L = KinD(["DecomNet"]).decompose(torch.rand(1, 3, 5, 7))
    >>> R.shape, L.shape
    (torch.Size([1, 3, 5, 7]), torch.Size([1, 1, 5, 7]))
    """

    def __init__(self, nets: Sequence[str] = tuple(NETS), dtype: str = "float32", source: str = "this model"):
        super().__init__()
        check_nets(nets, tuple(NETS))
        self.source = source
        for net in nets:
            self.add_module(net, NETS[net]())
        self.to(dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype))

    def __getattr__(self, name):
        """An nn.Module looks up its parts here; a net of KinD that is not among them gets a sentence."""
        if name in NETS and name not in self._modules:
            held = ", ".join(self._modules) or "no net"
            raise MissingNetError(
                f"{self.source} holds {held}, so {name} has no weights; load a file that holds it too"
            )
        return super().__getattr__(name)

    def decompose(self, x):
        """A photo into reflectance and illumination. x: (n, 3, h, w). Returns R (n, 3, h, w), L (n, 1, h, w)."""
        net = self.DecomNet
        self._check("x", x, 3)
        return net(x)

    def restore(self, r, i, core=None):
        """Clean the reflectance. r: (n, 3, h, w), i: (n, 1, h, w). Returns (n, 3, h, w).

        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo.
        """
        net = self.Restoration_net
        self._check("r", r, 3)
        self._check("i", i, 1)
        check_same_size("r", r.shape, "i", i.shape, "NCHW")
        if core is None:
            return net(r, i)
        cuts, inside = RESTORATION.reach.windows(core, r.shape[-2:])
        return net(r, i, cuts)[..., *inside]

    def adjust(self, i, ratio):
        """Light the illumination. i: (n, 1, h, w); ratio: a number, usefully 0 to 5, or a map (n, 1, h, w).

        Returns (n, 1, h, w).
        """
        net = self.Illumination_adjust_net
        self._check("i", i, 1)
        ratio = torch.as_tensor(ratio, dtype=i.dtype, device=i.device)
        if ratio.ndim == 0:
            ratio = ratio.expand(i.shape)
        self._check("ratio", ratio, 1)
        check_same_size("i", i.shape, "ratio", ratio.shape, "NCHW")
        return net(i, ratio)

    def enhance(self, x, ratio=5.0):
        """The whole of evaluate.py after loading: decompose, restore, adjust, fuse.

        x: (n, 3, h, w) in [0, 1]. It is taken as it is: stretch a photo to its own minimum and maximum first, as
        evaluate.py does and `kindling.images.load_images` does, or a dark one comes out otherwise. ratio: as in
        `adjust`. Returns (n, 3, h, w) in [0, 1].
        """
        R, L = self.decompose(x)
        return fusion.fuse(x, R, L, self.restore(R, L), self.adjust(L, ratio))

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the weights as arrays, keyed and laid out as in the state_dict."""
        return {key: value.detach().cpu().numpy().copy() for key, value in self.state_dict().items()}

    def assign(self, state: Mapping[str, np.ndarray]) -> None:
        """Set every weight from an array of the same key and shape, cast to the model's dtype.

        Raises KindlingError, and changes nothing, if a key is missing or extra or a shape is another.
        """
        own = self.state_dict()
        check_state(self.source, {k: v.shape for k, v in own.items()}, {k: v.shape for k, v in state.items()})
        self.load_state_dict({key: torch.tensor(value) for key, value in state.items()})

    def _check(self, name, x, channels):
        check_input(name, x.shape, channels, "NCHW")
        check_dtype(name, _name(x.dtype), _name(next(self.parameters()).dtype))


def _name(dtype):
    """`torch.float32` -> `float32`, as TensorFlow and numpy call it."""
    return str(dtype).removeprefix("torch.")
