// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Greedy search and sampling: each row takes its best token, independently of the
// others. Sampling takes the best token after noise is added to the scores.

import {
  defineKernel,
  grid,
  type Kernel,
  launch,
} from "../../engine/kernel_kit.ts";
import { type IntegerTensor, readAll, type Tensor } from "../../engine/mod.ts";
import { bestContinuations } from "./candidates.ts";
import {
  FLAGS,
  Search,
  type SearchOptions,
  type SearchResult,
} from "./search.ts";

/**
 * Appends each row's choice at `length`, or the padding token if the row has
 * ended, and counts the rows that end. One invocation handles one row.
 */
const EXTEND: Kernel = defineKernel({
  name: "extend_rows",
  wgsl: /* wgsl */ `
struct Params { rows: u32, capacity: u32, length: u32, endings: u32, padding: i32 }
@group(0) @binding(0) var<storage, read> best: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> endings: array<i32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> next: array<i32>;
@group(0) @binding(4) var<storage, read_write> positions: array<i32>;
@group(0) @binding(5) var<storage, read_write> ended: array<u32>;
@group(0) @binding(6) var<storage, read_write> flags: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.x + id.y * groups.x * 64u;
  if (row >= p.rows) { return; }
  let open = ended[row] == 0u;
  let token = select(p.padding, i32(best[row].y), open);
  tokens[row * p.capacity + p.length] = token;
  next[row] = token;
  positions[row] += 1;
  if (!open) { return; }
  // The best score is -infinity, so no token may be chosen.
  if (best[row].x <= 0x007fffffu) { atomicMin(&flags[3], p.length + 1u); }
  atomicMax(&flags[1], p.length + 1u);
  for (var i = 0u; i < p.endings; i++) {
    if (endings[i] == token) { ended[row] = 1u; }
  }
  if (ended[row] == 1u) { atomicAdd(&flags[0], 1u); }
}
`,
});

/** Appends the best, or a sampled, token to each row. */
export class GreedySearch extends Search {
  readonly #ended: IntegerTensor;

  constructor(options: SearchOptions) {
    super(options, options.config.numReturnSequences);
    this.#ended = this.table(new Uint32Array(this.rows), [this.rows]);
  }

  override choose(logits: Tensor, length: number): void {
    const { tokens, next, positions, endings, flags, rows } = this;
    const { config, eosTokenIds, stream, maxLength } = this.options;
    const scores = this.process(logits, length);
    const best = bestContinuations(scores, {
      noise: stream && { stream, step: length },
    });
    launch(scores.device, EXTEND, {
      bind: [best, endings, tokens, next, positions, this.#ended, flags],
      params: {
        rows,
        capacity: maxLength,
        length,
        endings: eosTokenIds.length,
        padding: config.padTokenId ?? eosTokenIds[0] ?? 0,
      },
      groups: grid(rows, EXTEND.workgroupSize),
    });
  }

  override async result(): Promise<SearchResult> {
    const { maxLength } = this.options;
    const [all = [], state = []] = await readAll([this.tokens, this.flags]);
    const length = state[FLAGS.length] ?? 0;
    return {
      sequences: Array.from({ length: this.rows }, (_, row) => [
        ...all.slice(row * maxLength, row * maxLength + length),
      ]),
    };
  }
}
