"""A short run of the fuzzer over every form (`make fuzz` is the long one), and that it would see what it looks for."""

import pytest

from tests.support import fuzz

pytestmark = pytest.mark.slow
NEEDS_TORCH = {form for form in fuzz.FORMS if form.startswith("pth")}


@pytest.fixture(scope="module")
def worker():
    worker = fuzz.Worker()
    yield worker
    worker.close()


@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=[pytest.mark.torch] if form in NEEDS_TORCH else []) for form in fuzz.FORMS]
)
def test_no_mutant_does_harm(form, worker, tmp_path):
    seen = fuzz.run([form], 40, seed="suite", keep=tmp_path, worker=worker)[form]
    assert seen.total() == 40
    assert {outcome: seen[outcome] for outcome in fuzz.BAD} == dict.fromkeys(fuzz.BAD, 0)
    assert seen["refused"] >= 10  # or nothing was broken


# What a reader could do wrong, and what the fuzzer calls it.
FAULTS = {
    "different": "return {}",
    "crash": "os.abort()",
    "traceback": "raise ZeroDivisionError",
    "traceback, two lines": "raise KindlingError('one' + chr(10) + 'two')",
    "traceback, no words": "raise KindlingError('')",
    "slow": "while time.process_time() < START + 1.2: pass",
    "slow, without end": "while True: pass",
    "huge": "bytearray(2**30)",
    "huge, refused": "raise MemoryError",
    "refused": "raise KindlingError('x: is no checkpoint')",
}


@pytest.mark.parametrize(("outcome", "fault"), FAULTS.items(), ids=FAULTS)
def test_the_fuzzer_sees_what_it_looks_for(outcome, fault):
    program = f"""if True:
        import os, time
        from kindling import KindlingError
        from tests.support import fuzz
        def read(path):
            START = time.process_time()
            {fault}
            return {{}}
        fuzz.work(read)
    """
    worker = fuzz.Worker(("-c", program))
    seen, words = worker.judge("x", "expected")
    worker.close()
    assert seen == outcome.split(",")[0], words
