"""What guesses the ratio goes with the weights, through every form that has room for it, and opens with them."""

import pytest

import convert
from kindling.runtimes import open_model
from tests.support.weights import seeded

ESTIMATOR = '{"coefficients": {"constant": 0.5}, "least": 0.5, "most": 9.0}'


@pytest.mark.parametrize("name", ["again", "x.npz", "x.h5", "x.safetensors"])
def test_there_and_back(tmp_path, name):
    variables = seeded("Illumination_adjust_net")
    convert.write(tmp_path / "nets", variables, {"estimator": ESTIMATOR})
    assert (tmp_path / "nets" / "estimator.json").read_text() == ESTIMATOR
    convert.convert_file(tmp_path / "nets", tmp_path / name)
    assert convert.read_all(tmp_path / name)[1]["estimator"] == ESTIMATOR


@pytest.mark.torch
def test_it_opens_with_the_weights(tmp_path):
    convert.write(tmp_path / "nets", seeded(), {"estimator": ESTIMATOR})
    assert open_model(tmp_path / "nets").said["estimator"] == ESTIMATOR
