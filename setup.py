"""Packaging: the base install holds no framework; the extras bring TensorFlow, PyTorch, or both."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.*)"', (ROOT / "kindling" / "version.py").read_text(encoding="utf-8"))[1]

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
RAW = ["rawpy >= 0.24"]
ONNX = ["onnx >= 1.17", "onnxruntime >= 1.20"]
OPENVINO = ["onnx >= 1.17", "openvino >= 2025.0"]  # which reads the graphs that are made of weights
UI = ["gradio >= 6.31, < 7"]  # older ones have no parts of the page that watch what they are sent
RAY = ["ray[data] >= 2.40", "pyarrow >= 17"]
VGG = ["torchvision >= 0.25"]  # only for its own weights of the perceptual loss; it must fit torch's very build
DEV = [
    "build >= 1.2",
    "coverage >= 7.4",
    "hypothesis >= 6.100",
    "ipykernel >= 6.29",
    "matplotlib >= 3.9",
    "mkdocs-material >= 9.5",
    "mkdocstrings[python] >= 0.26",
    "mypy >= 1.18",
    "nbclient >= 0.10",
    "nbformat >= 5.10",
    "playwright >= 1.48",  # drives a Chromium that is installed already; it downloads none
    "pytest >= 8.0",
    "pytest-xdist >= 3.5",
    "ruff >= 0.9",
    "setuptools >= 77",
    "torchmetrics >= 1.4",
]

setup(
    name="kindling-llie",
    version=VERSION,
    description="KinD low-light enhancement in TensorFlow 2 and PyTorch, proven equal",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["low-light", "image enhancement", "KinD", "PyTorch", "TensorFlow", "checkpoint conversion"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Multimedia :: Graphics",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    # The default weights lie in checkpoints/ of a checkout and in kindling/weights/ of an installation.
    packages=[*find_packages(include=["kindling*", "kind_tf*", "kind_torch*", "convert*"]), "kindling.weights"],
    package_dir={"kindling.weights": "checkpoints"},
    package_data={
        "": ["py.typed"],
        "kindling.ui": ["*.css", "*.html", "*.js"],
        "kindling.weights": ["*.md", "*.json", "*/checkpoint", "*/model.ckpt.*"],
    },
    # Photo libraries are in the base, since a person installs this to brighten a photo; they are imported when a photo
    # is read, so that a program which only wants the nets does not wait for them.
    install_requires=[
        "click >= 8.1",
        "google-crc32c >= 1.5",
        "h5py >= 3.10",
        "ml_dtypes >= 0.4",
        "numpy >= 1.26",
        "Pillow >= 12.2",
        "pillow-heif >= 1.0",
        "pooch >= 1.8",
        "psutil >= 5.9",
        "pyvips[binary] >= 3.0",
        "requests >= 2.31",
        "rich >= 15",  # older ones end a progress bar with an empty line where there is no terminal
        "safetensors >= 0.4.3",
        "scikit-image >= 0.24",
    ],
    extras_require={
        "tf": TF,
        "torch": TORCH,
        "onnx": ONNX,
        "openvino": OPENVINO,
        "ui": UI,
        "ray": RAY,
        "all": TF + TORCH + TRAIN + RAW + ONNX + OPENVINO + UI + RAY,
        "raw": RAW,
        "train": TRAIN,
        "vgg": VGG,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["kindling = kindling.cli:main"]},
)
