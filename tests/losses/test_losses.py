"""Every loss is one function in two frameworks: the same value and gradient, finite everywhere, true where smooth."""

import numpy as np
import pytest

from kindling.losses import expression
from tests.support.losses import CASES, Case, differences, inputs, run, to_torch, torch_function

BAR = 1e-10
WIDE = ("laplacian", "color_", "ms_ssim", "reflectance-ssim")  # takes seconds in float64


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.id, marks=[pytest.mark.slow] * case.id.startswith(WIDE)) for case in CASES],
)
def test_frameworks_agree_in_value_and_gradient(case):
    """float64, random and awkward inputs. A value or gradient that is not finite counts as infinitely far."""
    results = {name: differences(case, *pair) for name, pair in inputs(case).items()}
    assert len(results) >= 4
    assert {name: errors for name, errors in results.items() if max(errors) > BAR} == {}


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("case", [case for case in CASES if case.smooth], ids=lambda case: case.id)
def test_gradients_are_the_derivatives(case):
    """torch.autograd.gradcheck, on random input of the least size; what is not smooth anywhere is left out."""
    import torch

    pair = min((pair for name, pair in inputs(case).items() if name.startswith("random")), key=lambda p: p[0].size)
    fast = pair[0].size > 500  # then along random directions instead of one by one
    tensors = [to_torch(x).requires_grad_() for x in pair]
    free = 2 if case.name != "consistency" else 1  # its target is a constant
    tensors[free:] = [x.detach() for x in tensors[free:]]
    assert torch.autograd.gradcheck(torch_function(case), tensors, fast_mode=fast, eps=1e-6, atol=1e-6)


@pytest.mark.tf
@pytest.mark.torch
def test_every_row_of_the_catalogue_is_there():
    """The registry, both packages and the cases of this test name the same losses, with the same arguments."""
    import inspect

    from kind_tf import losses as tf_losses
    from kind_tf.losses.objective import LOSSES as TF
    from kind_torch import losses as torch_losses
    from kind_torch.losses.objective import LOSSES as TORCH

    assert {case.name for case in CASES} == set(expression.LOSSES)
    usable = {name for name, loss in expression.LOSSES.items() if not loss.refused}
    assert set(TF) == set(TORCH) == usable
    assert tf_losses.__all__ == torch_losses.__all__
    for name in expression.LOSSES:
        ours, theirs = (getattr(side, name) for side in (torch_losses, tf_losses))
        # A torch.Tensor is a tf.Tensor there; all else is the same.
        spelled = [str(inspect.signature(side)).replace(tensor, "Tensor") for side, tensor in (
            (ours, "torch.Tensor"), (theirs, "tensorflow.python.framework.tensor.Tensor")
        )]  # fmt: skip
        assert spelled[0] == spelled[1]
        assert len(inspect.getdoc(ours)) > 40
        assert set(expression.LOSSES[name].options) <= {*inspect.signature(ours).parameters, "preprocessing"}


CORNERS = {  # what is defined, not computed: (case, prediction, target, the value)
    "log_mse of equal images": ("log_mse", 0.5, 0.5, 10 * np.log10(np.finfo(np.float64).tiny)),
    "color_angle with black": ("color_angle", 0.0, 0.5, 0.0),
    "color_angle of greys": ("color_angle", 0.2, 0.9, 0.0),
    "color_cosine of flat images": ("color_cosine", 0.4, 0.4, 0.0),
    "region of a constant: all of it is dark": ("region", 0.25, 0.5, 4 * 0.25),
    "binary_cross_entropy at 0 for 1": ("binary_cross_entropy", 0.0, 1.0, -np.log(1e-7)),
    "binary_cross_entropy at 1 for 1": ("binary_cross_entropy", 1.0, 1.0, 0.0),
    "laplacian of constants": ("laplacian", 0.25, 0.75, 2**4 * 0.5),
}


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(("name", "prediction", "target", "value"), CORNERS.values(), ids=CORNERS)
def test_conventions_in_corners(name, prediction, target, value):
    pair = [np.full((2, 12, 13, 3), level) for level in (prediction, target)]
    for backend in ("tf", "torch"):
        loss, gradients = run(backend, Case(name), *pair)
        assert loss == pytest.approx(value, rel=1e-12, abs=1e-12)
        if name in ("log_mse", "color_angle", "color_cosine"):
            assert max(np.abs(g).max() for g in gradients) < 1e-12
        if name == "binary_cross_entropy" and prediction != target:
            assert gradients[0].max() == pytest.approx(-1e7 / pair[0].size, rel=1e-6)  # it still learns


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_single_precision_is_finite_and_near(case):
    """float32, which trainings use: finite on every input, and on random ones the float64 answer."""
    for name, pair in inputs(case).items():
        single = [x.astype(np.float32) for x in pair]
        for backend in ("tf", "torch"):
            value, gradients = run(backend, case, *single)
            assert np.isfinite(value), (backend, name)
            assert all(g.dtype == np.float32 and np.isfinite(g).all() for g in gradients), (backend, name)
            if name.startswith("random"):
                assert value == pytest.approx(run(backend, case, *pair)[0], rel=1e-4), (backend, name)


@pytest.mark.torch
def test_windows_slide_on_a_gpu_as_on_the_cpu():
    """Where a conv may be rounded to ten bits, gaussian means are sums of shifted images: the same numbers."""
    import torch

    from kind_torch.losses import tools

    x = torch.rand(3, 1, 24, 31, dtype=torch.float64)
    kernel = torch.exp(-((torch.arange(11, dtype=x.dtype) - 5) ** 2) / (2 * 1.5**2))
    kernel = kernel / kernel.sum()
    shifted = tools._shifted_sum(tools._shifted_sum(x, kernel, 2), kernel, 3)
    assert shifted.shape == (3, 1, 14, 21)
    torch.testing.assert_close(shifted, tools.gaussian_mean(x, 11, 1.5), rtol=1e-12, atol=0)
