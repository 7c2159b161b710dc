"""KinD++'s row among the families. Its repository has no licence, so nothing of it is carried here."""

from kindling.families.family import Family
from kindling.families.kind import fusion as kind_fusion
from kindling.families.kind_plus import fusion
from kindling.families.kind_plus.nets import ADJUST, DECOM, RESTORATION
from kindling.families.originals import DATA, Original, Originals

__all__ = ["KIND_PLUS"]

REPOSITORY = "https://raw.githubusercontent.com/zhangyhuaee/KinD_plus"
CHECKPOINT = f"{REPOSITORY}/ee566467c18bd6219d3b170f992968c2f5e3d52e/checkpoint"

KIND_PLUS = Family(
    id="kind_plus",
    title="KinD++",
    paper="Zhang, Guo, Ma, Liu, Zhang, Beyond Brightening Low-light Images, IJCV 2021, doi 10.1007/s11263-020-01407-x",
    source="zhangyhuaee/KinD_plus, model.py, msia_BN_3_M.py, evaluate.py and evaluate_LOLdataset.py",
    nets=(DECOM, RESTORATION, ADJUST),
    model="families.kind_plus:KinDPlus",
    fuse=fusion.fuse,
    relit=kind_fusion.fuse,
    fuse_reach=kind_fusion.RADIUS,
    true_ratio=fusion.true_ratio,
    multiple=4,
    originals=Originals(
        (
            Original(
                "decom_model/model.ckpt.index",
                833,
                "d540179de4e8460467997d39c2ea18a7f7f0e874673f7a53a9eebc4fad4fd92c",
                f"{CHECKPOINT}/decom_model/model.ckpt.index",
            ),
            Original(
                f"decom_model/{DATA}",
                943_504,
                "ca727ad95f4e8ef1878cb23707da1a230039306a9912e38dc94c9d4b76732c9f",
                f"{CHECKPOINT}/decom_model/{DATA}",
            ),
            Original(
                "illu_model/model.ckpt.index",
                408,
                "ef0a2a775855d87575fd0b008d81c090a388b2eb09f7aa4d6edc65e7f85576d0",
                f"{CHECKPOINT}/illu_model/model.ckpt.index",
            ),
            Original(
                f"illu_model/{DATA}",
                77_572,
                "6e485e5f34506809843b3f1d01d95c5b1722cd062e944b68e36a26130fc38ce1",
                f"{CHECKPOINT}/illu_model/{DATA}",
            ),
        )
    ),
)
