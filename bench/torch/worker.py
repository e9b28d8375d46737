# Copyright 2026 the swagpu authors. MIT license.
"""Measures PyTorch: python3 worker.py cpu|cuda eager|compiled.

The worker's side of bench/peers/protocol.ts, as bench/peers/worker.ts is.
"""

import json
import math
import os
import resource
import sys
import time

# Only replies may go to standard output.
REPLIES = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402

from bert import BERT_KINDS  # noqa: E402
from kernels import KERNEL_KINDS  # noqa: E402
from training import TRAINING_KINDS  # noqa: E402

MOST_RUNS = 1 << 16
KINDS = {**KERNEL_KINDS, **TRAINING_KINDS, **BERT_KINDS}


class Context:
    """Where and how the cases run."""

    def __init__(self, device, compiled):
        self.device = device
        self.compiled = compiled

    def compile(self, function):
        return torch.compile(function) if self.compiled else function

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def peak(self):
        if self.device == "cuda":
            return {"peakBytes": torch.cuda.max_memory_allocated()}
        return {}


def processor_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


class Open:
    """An open case: `case` has `run()`, `outputs()` and maybe a `note`."""

    def __init__(self, context, case):
        self.context = context
        self.case = case
        self.runs = None

    def time(self, runs):
        cpu, start = processor_ms(), time.perf_counter()
        for _ in range(runs):
            self.case.run()
        self.context.wait()
        ms = (time.perf_counter() - start) * 1000
        return {
            "ms": ms / runs,
            "cpuMs": (processor_ms() - cpu) / runs,
            "runs": runs,
        }

    def sample(self, least):
        # Opening was the first warm-up; the search for runs is the second.
        if self.runs is None:
            self.runs = self.calibrate(least)
        return {**self.time(self.runs), **self.context.peak()}

    def calibrate(self, least):
        runs = 1
        while True:
            total = self.time(runs)["ms"] * runs
            if total >= least or runs >= MOST_RUNS:
                return runs
            wanted = runs * min(8, 1.2 * least / max(total, 1e-3))
            runs = min(MOST_RUNS, math.ceil(wanted))


def blas():
    """The library that multiplies matrices, from what is mapped."""
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    try:
        with open("/proc/self/maps") as maps:
            mapped = maps.read()
    except OSError:
        return "unknown"
    for name in ("openblas", "mkl", "blis", "libblas"):
        if name in mapped:
            return name
    return "built in"


def hello(context):
    if context.device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        adapter = torch.cuda.get_device_name()
        return {
            "versions": {
                "torch": torch.__version__,
                "CUDA": torch.version.cuda,
                "TF32": "off",
            },
            "adapter": adapter,
        }
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    threads = torch.get_num_threads()
    return {
        "versions": {"torch": torch.__version__, "BLAS": blas()},
        "adapter": f"the processor, {threads} threads",
    }


def answer(context, request, current):
    if request["do"] == "open":
        current.clear()
        if context.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        kind = KINDS.get(request["kind"])
        if kind is None:
            return {"error": "has no such operation"}
        case = kind(context, **request["parameters"])
        current["open"] = Open(context, case)
        note = getattr(case, "note", None)
        opened = {"outputs": case.outputs()}
        return opened if note is None else {**opened, "note": note}
    if request["do"] == "sample":
        if "open" not in current:
            return {"error": "has no open case"}
        return current["open"].sample(request["minMs"])
    current.clear()
    return {}


def main():
    def reply(value):
        REPLIES.write(json.dumps(value) + "\n")
        REPLIES.flush()

    context = Context(sys.argv[1], sys.argv[2] == "compiled")
    reply(hello(context))
    current = {}
    for line in sys.stdin:
        try:
            reply(answer(context, json.loads(line), current))
        except Exception as error:  # the coordinator is told, and goes on
            text = " ".join(f"{type(error).__name__}: {error}".split())
            reply({"error": text[:300]})


main()
