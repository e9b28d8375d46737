// Copyright 2026 the swagpu authors. MIT license.

// `deno task bench:peers [--only matmul,step] [--peers swagpu,jax-js] [--rounds 5]
// [--min-ms 200] [--json FILE] [--bundles FOLDER]` compares this engine with its peers on
// one adapter. Each runs in its own process, in turn.

import { runCommand } from "./command.ts";
import { PEER_CASES } from "./cases.ts";

if (import.meta.main) {
  await runCommand({ cases: PEER_CASES, rounds: 3, minMs: 200 });
}
