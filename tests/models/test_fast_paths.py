"""What kind_torch does on a CPU in inference mode alone: other calls, the same numbers."""

import numpy as np
import pytest

from kindling.families.kind.nets import NETS
from tests.support.weights import STEPS, seeded

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def kind():
    import torch

    import kind_torch

    kind = kind_torch.KinD()
    kind.assign(seeded())
    return kind.eval().to(memory_format=torch.channels_last)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (21, 34)], ids=str)
def test_inference_mode_gives_what_the_plain_calls_give(kind, net, size):
    import torch

    rng = np.random.default_rng(size)
    inputs = [torch.from_numpy(rng.random((2, c, *size), np.float32)) for c in NETS[net].inputs.values()]
    results = []
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            out = getattr(kind, STEPS[net])(*inputs)
        results.append(out if isinstance(out, tuple) else (out,))
    for plain, fast in zip(*results, strict=True):
        assert (plain - fast).abs().max().item() <= 2e-6


def test_parts_are_copied_together_wherever_a_gradient_or_a_layer_may_be_asked_for():
    import torch

    from kind_torch.layers import concat

    parts = [torch.rand(1, 2, 3, 4), torch.rand(1, 5, 3, 4)]
    assert torch.equal(concat(parts), torch.cat(parts, 1))
    with torch.inference_mode():
        doubles = [part.double() for part in parts]
        assert torch.equal(concat(doubles), torch.cat(doubles, 1))
        joined = concat([part.clone() for part in parts])
    if torch.backends.mkldnn.is_available():
        assert [tuple(part.shape) for part in joined.parts] == [(1, 2, 3, 4), (1, 5, 3, 4)]


def test_weights_that_change_are_seen_at_once(kind):
    """No copy of a kernel is kept from one call to the next."""
    import copy

    import torch

    twin = copy.deepcopy(kind)
    x = torch.rand(1, 3, 9, 8)
    with torch.inference_mode():
        twin.decompose(x)
        for parameter in twin.parameters():
            parameter.data.mul_(0.5)
        fast = twin.decompose(x)[0]
    with torch.no_grad():
        assert (fast - twin.decompose(x)[0]).abs().max().item() <= 2e-6


@pytest.mark.parametrize("size", [(75, 101), (96, 160), (284, 178)], ids=str)
def test_pixels_do_not_hang_on_the_number_of_threads(kind, size):
    """So one process on all cores and many on one each make the same pictures."""
    import torch

    x = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0))
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with torch.inference_mode():
                R, L = kind.decompose(x)
                results.append((R, L, kind.restore(R, L), kind.adjust(L, 5.0)))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            assert torch.equal(one, same)
