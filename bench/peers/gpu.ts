// Copyright 2026 the swagpu authors. MIT license.

// `deno task bench:gpu [--small]`, with the options of main.ts, compares this engine with
// PyTorch on a machine with a GPU: on CUDA if there is, else on the processor. --small
// makes every case small, to try the command without a GPU.

import { GPU_CASES, SMALL_CASES } from "./gpu_cases.ts";
import { runCommand } from "./command.ts";

if (import.meta.main) {
  await runCommand({
    cases: GPU_CASES,
    smallCases: SMALL_CASES,
    peers: [
      "swagpu",
      "torch-cuda",
      "torch-cuda-compiled",
      ...(Deno.args.includes("--small") ? ["torch-cpu"] : []),
    ],
    rounds: 5,
    minMs: 200,
  });
}
