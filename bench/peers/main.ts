// Copyright 2026 the swagpu authors. MIT license.

// deno task bench:peers [--only matmul,step] [--peers swagpu,jax-js]
// [--rounds 5] [--min-ms 200] [--json FILE] [--bundles FOLDER]: this engine
// beside its peers on one adapter, each in a process of its own, in turn.

import { runCommand } from "./command.ts";
import { PEER_CASES } from "./cases.ts";

if (import.meta.main) {
  await runCommand({ cases: PEER_CASES, rounds: 3, minMs: 200 });
}
