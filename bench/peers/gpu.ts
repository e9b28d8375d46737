// Copyright 2026 the swagpu authors. MIT license.

// deno task bench:gpu [--small] and the options of main.ts: this engine beside
// PyTorch on a machine with a GPU, CUDA where there is, else the processor.
// --small shrinks every case, to prove the command where there is no GPU.

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
