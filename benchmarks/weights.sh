#!/bin/sh
# make weights SHARED=FOLDER      the default weights, from nothing to checkpoints/, by the recipe of their model card
#
# SHARED holds lol/our485 and pairs/{train,night,stacks}; eval15 and pairs/eval are never opened. WORK keeps everything on
# the way, some 2 GB, and a run that was stopped goes on where it was. START spares the three first trainings: weights of
# all three nets to begin the joint training with.
set -eu
: "${SHARED:?name the folder with lol/ and pairs/: make weights SHARED=../shared}"
WORK=${WORK:-weights} START=${START:-} PYTHON=${PYTHON:-python}
# One thread: faster than two on a busy machine, and the same bits every time.
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

train() { # TASK OUT options...: begins, or goes on if there is a state
    task=$1 out=$2
    shift 2
    resume=
    if find "$out" -name resume.npz 2> /dev/null | grep -q "$STATE"; then resume=--resume; fi
    "$PYTHON" -m kindling.cli train "$task" --out "$out" "$@" $resume
}

"$PYTHON" -m benchmarks.split "$SHARED" "$WORK/split"

if [ -z "$START" ]; then
    START=$WORK/start
    PAIRS=$SHARED/pairs/train
    STATE=decom_net_train train decomposition "$WORK/warm" --data "$PAIRS" --equal-r 0.5 --epochs 65 --lr 5e-4
    STATE=decom_net_train train decomposition "$START" --data "$PAIRS" --start "$WORK/warm" --seed 2020 --epochs 190 \
        --lr 5e-4 --decay 120:0.4 --decay 155:0.1
    STATE=illumination_adjust_net_train train adjustment "$START" --data "$PAIRS" --epochs 250 --lr 5e-4 \
        --decay 100:0.4 --decay 200:0.1
    STATE=Restoration_net_train train restoration "$START" --data "$PAIRS" --patch 64 --batch 4 --epochs 100 --lr 5e-4 \
        --decay 45:0.4 --decay 85:0.1 --shot 0.004 --read 0.03 --precision bfloat16
fi

for set in lol train stacks night; do
    case $set in lol) weight=5 ;; train) weight=2 ;; stacks) weight=1.5 ;; night) weight=1 ;; esac
    mix="${mix:-} --data $WORK/split/$set/train:$weight"
    val="${val:-} --val $WORK/split/$set/val"
    fit="${fit:-} --data $WORK/split/$set/train"
done
together="--lr 3e-4 --clip 3 --decay 0.01 --dark 0.06 --device cpu --validate 4000"
STATE=joint train joint "$WORK/joint" --init "$START" $mix $val $together --steps 5060 --warm 400 --cool 1500 \
    --precision bfloat16
STATE=joint train joint "$WORK/again" --init "$WORK/joint" $mix $val $together --steps 2800 --warm 200 --cool 1800 \
    --seed 2021 --precision float32
for net in decom_net_train Restoration_net_train illumination_adjust_net_train; do
    rm -rf "checkpoints/$net"
    cp -r "$WORK/again/$net" "checkpoints/$net"
done
cp "$WORK/joint/joint/losses.csv" "$WORK/joint/joint/validation.csv" checkpoints
cp "$WORK/again/joint/losses.csv" checkpoints/losses-again.csv
"$PYTHON" -m benchmarks.estimator checkpoints $fit $val --limit 130
