"""What the tests of the page share."""

import pytest


@pytest.fixture
def uploads(tmp_path):
    """Files as Gradio lays them down: in a folder called by what is in them."""

    def upload(name, content=b"x"):
        path = tmp_path / "served" / content.hex()[:20] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return upload
