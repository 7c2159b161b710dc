"""What may stand behind --loss, how it is read, and what each refusal says."""

import re
from pathlib import Path

import pytest

from kindling import KindlingError
from kindling.losses import expression

READ = {  # what is written, for which net: how it is spelled in the end
    "one": ("recon", "decomposition", "recon"),
    "the issue's": (
        "recon + 0.1*ms_ssim(scales=3) + 0.2*color_cosine", "decomposition",
        "recon + 0.1*ms_ssim(scales=3) + 0.2*color_cosine"),
    "no spaces": ("recon+0.10*l1+2*l2", "decomposition", "recon + 0.1*l1 + 2.0*l2"),
    "exponents": ("1e-3*l1 + 1E+2*l2+.5e-1*huber", "adjustment", "0.001*l1 + 100.0*l2 + 0.05*huber"),
    "options in order": (
        "region(w_low=3, share=.5)", "restoration", "region(share=0.5, w_low=3.0)"),
    "one loss, two settings": (
        "huber(delta=1) + huber(delta=.1)", "adjustment", "huber(delta=1.0) + huber(delta=0.1)"),
    "empty brackets": ("ssim()", "restoration", "ssim"),
    "words": ("reflectance(kind=ssim)", "decomposition", "reflectance(kind=ssim)"),
    "the original's decomposition": (
        "recon_high + recon_low + 0.01*equal_r + 0.2*mutual_i + 0.15*mutual_i_input_high + 0.15*mutual_i_input_low",
        "decomposition",
        "recon_high + recon_low + 0.01*equal_r + 0.2*mutual_i + 0.15*mutual_i_input_high + 0.15*mutual_i_input_low"),
    "the original's restoration": ("square + grad + ssim", "restoration", "square + grad + ssim"),
    "the original's adjustment": ("square + grad", "adjustment", "square + grad"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "task", "spelled"), READ.values(), ids=READ)
def test_sums_that_can_be_read(text, task, spelled):
    objective = expression.parse(text, task, 48)
    assert str(objective) == spelled
    assert expression.parse(spelled, task, 48) == objective


def test_every_loss_that_can_train_is_taken():
    for name, loss in expression.LOSSES.items():
        for task in expression.OWN:
            if not loss.refused and not (loss.color and task == "adjustment"):
                assert expression.parse(f"0.5*{name}", task, 200).terms[0].name == name
    for task, own in expression.OWN.items():
        for name in own:
            objective = expression.parse(name, task, 48)
            assert objective.is_own(objective.terms[0])


REFUSED = {
    "unknown": ("recon + color_cosin", "decomposition", 48,
                "no loss color_cosin for decomposition; did you mean color_cosine[?]; known are recon, .* l1, "),
    "another net's": ("equal_r", "restoration", 48, "no loss equal_r for restoration, but for decomposition; "),
    "all at once": ("nope + color_angle", "adjustment", 48, "no loss nope .*; color_angle judges colours"),
    "colour of light": ("color_blur", "adjustment", 48, "color_blur judges colours, and adjustment gives light"),
    "classes": ("cross_entropy", "restoration", 48, "cannot train KinD: it judges probabilities of classes"),
    "a game": ("adversarial_generator", "restoration", 48, "cannot train KinD: it wants a discriminator"),
    "small patch": ("ms_ssim", "decomposition", 48,
                    r"ms_ssim needs 161x161 pixels or more, and the loss sees 48x48: .*ms_ssim\(scales=3\) needs 41"),
    "smaller patch": ("ms_ssim(scales=3)", "decomposition", 40, r"ms_ssim\(scales=3\) needs 41x41 .* sees 40x40"),
    "small for SSIM": ("ssim", "decomposition", 10, "ssim needs 11x11"),
    "small for KinD's own": ("square", "restoration", 10, "square needs 11x11"),
    "small for maps": ("reflectance(kind=ssim)", "decomposition", 8, "needs 11x11"),
    "twice": ("l1 + 2*l1", "adjustment", 48, "l1 stands there twice; add the weights"),
    "two VGGs": ("perceptual + perceptual(preprocessing=torch)", "restoration", 48, "perceptual stands there twice"),
    "weight 0": ("0*l1", "adjustment", 48, "the weight of l1 is 0, expected a number above 0"),
    "endless weight": ("1e999*l1", "adjustment", 48, "the weight of l1 is 1e999"),
    "minus": ("recon - l1", "adjustment", 48, "cannot be read at 'recon - l1'"),
    "nothing": ("", "adjustment", 48, "cannot be read at 'its end'"),
    "plus at the end": ("recon +", "adjustment", 48, "cannot be read at 'recon [+]'"),
    "no bracket": ("huber(delta=1", "adjustment", 48, "cannot be read"),
    "unknown option": ("huber(beta=1)", "adjustment", 48, "huber cannot take 'beta=1'; it takes delta="),
    "no option": ("l1(x=1)", "adjustment", 48, "l1 cannot take 'x=1'; it takes no options"),
    "no value": ("huber(delta)", "adjustment", 48, "huber cannot take 'delta'"),
    "no number": ("huber(delta=x)", "adjustment", 48, "huber: delta is 'x', expected a number"),
    "bad number": ("huber(delta=0)", "adjustment", 48, "huber: delta is 0.0, expected a number above 0"),
    "bad word": ("consistency(kind=kl)", "restoration", 48, "consistency: kind is 'kl', expected l2 or l1"),
    "bad scales": ("ms_ssim(scales=2.5)", "restoration", 99, "ms_ssim: scales is 2.5, expected 1 to 5"),
    "bad share": ("region(share=2)", "restoration", 48, "region: share is 2.0, expected a number between 0 and 1"),
    "bad factor": ("l1_regularised(factor=-1)", "restoration", 48, "factor is -1, expected a number from 0 up"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "task", "side", "words"), REFUSED.values(), ids=REFUSED)
def test_sums_that_are_refused(text, task, side, words):
    with pytest.raises(KindlingError, match=words):
        expression.parse(text, task, side)


def test_every_loss_has_its_section_and_its_picture():
    page = Path(__file__).parents[2] / "docs" / "losses.md"
    text = page.read_text(encoding="utf-8")
    for name in expression.LOSSES:
        (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
        assert f"(losses/{name}.png)" in section
        assert len(section) > 200
        assert re.search(rf"^\| `{name}` \| \d+ \|", text, re.MULTILINE), "python -m benchmarks.losses"
        picture = page.parent / "losses" / f"{name}.png"
        assert 1000 < picture.stat().st_size < 40_000


@pytest.mark.parametrize("task", expression.OWN)
def test_the_sums_in_the_docs_can_be_read(task):
    """The command lines of docs/losses.md, and the original's sums in its table."""
    text = (Path(__file__).parents[2] / "docs" / "losses.md").read_text(encoding="utf-8")
    written = re.findall(rf"train {task} .*--loss \"(.*?)\"", text) + re.findall(
        rf"^\| {task} \| `([^`]*)` \|", text, re.M
    )
    assert written
    for text in written:
        assert expression.parse(text, task, 48)
