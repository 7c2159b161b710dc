"""Packaging: the base install holds no framework; the extras bring TensorFlow, PyTorch, or both."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.*)"', (ROOT / "kindling" / "version.py").read_text())[1]

ON_X86_LINUX = "platform_system == 'Linux' and platform_machine == 'x86_64'"
ELSEWHERE = "platform_system != 'Linux' or platform_machine != 'x86_64'"
# TensorFlow has no wheel for Python 3.14; its CPU build, which exists for x86-64 Linux, is a third of the download.
TF = [
    f"tensorflow-cpu >= 2.18; python_version < '3.14' and ({ON_X86_LINUX})",
    f"tensorflow >= 2.18; python_version < '3.14' and ({ELSEWHERE})",
    "tf-slim >= 1.1; python_version < '3.14'",
]
TORCH = ["torch >= 2.10"]  # older ones can be made to run code by a file loaded with weights_only
TRAIN = ["accelerate >= 1.0", "tensorboard >= 2.18"]
VGG = ["torchvision >= 0.25"]  # only for its own weights of the perceptual loss; it must fit torch's very build
DEV = ["coverage", "hypothesis", "matplotlib", "pytest", "pytest-xdist", "ruff", "torchmetrics"]

setup(
    name="kindling-llie",
    version=VERSION,
    description="KinD low-light enhancement in TensorFlow 2 and PyTorch, proven equal",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["kindling*", "kind_tf*", "kind_torch*", "convert*"]),
    install_requires=[
        "click >= 8.1",
        "google-crc32c >= 1.5",
        "h5py >= 3.10",
        "numpy >= 1.26",
        "Pillow >= 12.2",
        "pooch >= 1.8",
        "psutil >= 5.9",
        "pyvips[binary] >= 3.0",
        "requests >= 2.31",
        "rich >= 13",
        "safetensors >= 0.4.3",
        "scikit-image >= 0.24",
    ],
    extras_require={"tf": TF, "torch": TORCH, "all": TF + TORCH + TRAIN, "train": TRAIN, "vgg": VGG, "dev": DEV},
    entry_points={"console_scripts": ["kindling = kindling.cli:main"]},
)
