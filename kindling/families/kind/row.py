"""KinD's row among the families, and where its authors keep its weights.

zhangyhuaee/KinD on GitHub has the decomposition and the adjustment whole, and of the restoration the index alone, in a
commit of its history; the restoration's data are in a zip on the authors' file host. The original has no licence, so
nothing of it is carried here.
"""

from kindling.families.family import Family
from kindling.families.kind import fusion
from kindling.families.kind.nets import ADJUST, DECOM, RESTORATION
from kindling.families.originals import DATA, Archive, Original, Originals

__all__ = ["KIND"]

REPOSITORY = "https://raw.githubusercontent.com/zhangyhuaee/KinD"
LATEST = f"{REPOSITORY}/b7d7fcca6d70e1fcb588ad6935ec7750e96c7161/checkpoint"
EARLIER = f"{REPOSITORY}/ca775be2fa4a344f70a7638c5710a7db1d82fb15/checkpoint"
DRIVE = "1-ljWntl7FExf6BSQtl5Mz3rMGWgnXDz4"

KIND = Family(
    id="kind",
    title="KinD",
    paper="Zhang, Zhang, Guo, Kindling the Darkness, ACM MM 2019, doi 10.1145/3343031.3350926",
    source="zhangyhuaee/KinD, model.py and evaluate.py",
    nets=(DECOM, RESTORATION, ADJUST),
    model="kind:KinD",
    fuse=fusion.fuse,
    fuse_reach=fusion.RADIUS,
    originals=Originals(
        (
            Original(
                "decom_net_train/model.ckpt.index",
                833,
                "fb832e154c94504665a90c8153d05f3f63902c58c8a1578bbbde1f5091c40897",
                f"{LATEST}/decom_net_train/model.ckpt.index",
            ),
            Original(
                f"decom_net_train/{DATA}",
                943_504,
                "b7dce81f6a2a277ad4771eb21507d1b6fbcd5421123a6eb426d3c9cdc55e7229",
                f"{LATEST}/decom_net_train/{DATA}",
            ),
            Original(
                "illumination_adjust_net_train/model.ckpt.index",
                421,
                "315ef66e3a191a38cb2e191cf3277c1cf6a452c39fcd91581adcc06634ff2bae",
                f"{LATEST}/illumination_adjust_net_train/model.ckpt.index",
            ),
            Original(
                f"illumination_adjust_net_train/{DATA}",
                77_572,
                "444b9566553277aa96254c6827d5456ae46a29ad10ec229843a2123a4c791735",
                f"{LATEST}/illumination_adjust_net_train/{DATA}",
            ),
            Original(
                "Restoration_net_train/model.ckpt.index",
                1_849,
                "0b0f43c7056d30a3bc842d6ad8f206af56209d25cd91fe9f2ee378ea743a5891",
                f"{EARLIER}/Restoration_net_train/model.ckpt.index",
            ),
            Original(f"Restoration_net_train/{DATA}", 31_042_956),
        ),
        Archive(
            f"https://drive.usercontent.google.com/download?id={DRIVE}&export=download&confirm=t",
            f"https://drive.google.com/open?id={DRIVE}",
            200_000_000,
        ),
    ),
)
