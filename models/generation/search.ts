// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A search chooses the next tokens on the GPU. The loop around it asks a model
// for scores, and reads only now and then whether all rows have ended.

import {
  defineKernel,
  grid,
  type Kernel,
  launch,
  persist,
} from "../../engine/kernel_kit.ts";
import {
  type AnyTensor,
  type Device,
  type DTypeOf,
  type IntegerTensor,
  noGrad,
  type RandomStream,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import type { GenerationConfig } from "./generation_config.ts";
import { type LogitsProcessor, logitsProcessors } from "./processors.ts";

/** Options of a {@linkcode Search}. */
export interface SearchOptions {
  readonly device: Device;
  readonly config: GenerationConfig;
  /** Rows of tokens of the same length. */
  readonly prompts: readonly (readonly number[])[];
  /** The position of each prompt's last token, without padding. */
  readonly positions: readonly number[];
  /** The most tokens of a row, including the prompt's. */
  readonly maxLength: number;
  /** The tokens that end a row. */
  readonly eosTokenIds: readonly number[];
  /** The source of random numbers, if tokens are sampled. */
  readonly stream: RandomStream | undefined;
}

/** The rows that a search found. */
export interface SearchResult {
  sequences: number[][];
  sequencesScores?: number[];
}

/** The indices of a search's flags. */
export const FLAGS = {
  /** The number of rows that have ended. */
  finished: 0,
  /** The number of tokens of the longest row. */
  length: 1,
  /** The number of the first token whose scores held NaN. */
  broken: 2,
  /**
   * The number of the first token for which a row's scores forbid every token.
   */
  blocked: 3,
} as const;

/** The value of `broken` and `blocked` if nothing is wrong. */
const NEVER = 0xffffffff;

/** A way of choosing tokens, with its tables on the GPU. */
export abstract class Search implements Disposable {
  /** The options of the search. */
  readonly options: SearchOptions;
  /** The number of rows for each prompt. */
  readonly group: number;
  /** The number of rows. */
  readonly rows: number;
  /** The number of tokens of a prompt. */
  readonly promptLength: number;
  /** The tokens of each row, `[rows, maxLength]`. */
  tokens: IntegerTensor;
  /** The rows of the cache that hold each row's tokens, `[rows, maxLength]`. */
  origins: IntegerTensor | undefined;
  /** The chosen tokens, which are the model's next input, `[rows, 1]`. */
  readonly next: IntegerTensor;
  /** The positions of the chosen tokens, without padding, `[rows, 1]`. */
  readonly positions: IntegerTensor;
  /** The state of the search, see {@linkcode FLAGS}. */
  readonly flags: IntegerTensor;
  /** The end tokens. */
  protected readonly endings: IntegerTensor;
  readonly #processors: readonly LogitsProcessor[];
  readonly #owned: AnyTensor[] = [];

  constructor(options: SearchOptions, group: number) {
    const { device, prompts, maxLength, eosTokenIds } = options;
    const promptLength = prompts[0]?.length ?? 0;
    const rows = prompts.length * group;
    this.options = options;
    this.group = group;
    this.rows = rows;
    this.promptLength = promptLength;
    const positions = new Int32Array(rows);
    const origins = new Int32Array(rows * maxLength);
    for (let row = 0; row < rows; row++) {
      const prompt = Math.floor(row / group);
      positions[row] = options.positions[prompt] ?? 0;
      origins.fill(row, row * maxLength, (row + 1) * maxLength);
      // The model reads each prompt once, so the cache holds it in one row.
      const end = row * maxLength + promptLength;
      origins.fill(prompt * group, row * maxLength, end);
    }
    this.tokens = this.promptTable();
    this.next = this.table(new Int32Array(rows), [rows, 1]);
    this.positions = this.table(positions, [rows, 1]);
    if (group > 1) this.origins = this.table(origins, [rows, maxLength]);
    this.flags = this.table(Uint32Array.of(0, promptLength, NEVER, NEVER), [4]);
    // Without end tokens, a token that never occurs keeps the binding valid.
    const endings = eosTokenIds.length > 0 ? eosTokenIds : [-1];
    this.endings = this.table(Int32Array.from(endings), [endings.length]);
    this.#processors = logitsProcessors(options.config, {
      device,
      promptLength,
      maxLength,
      eosTokenIds,
      own: (made) => this.#owned.push(made),
    });
  }

  /**
   * Chooses the next tokens.
   *
   * @param logits Scores of the next token, `[rows, vocabulary]`.
   * @param length The number of tokens that rows have.
   */
  abstract choose(logits: Tensor, length: number): void;

  /** Reads the rows that were found. */
  abstract result(): Promise<SearchResult>;

  /** Changes scores by all processors. */
  protected process(scores: Tensor, length: number): Tensor {
    const step = { scores, tokens: this.tokens, length };
    for (const processor of this.#processors) processor(step);
    return step.scores;
  }

  /** Makes a tensor that lives as long as the search. */
  protected table<V extends Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
    values: V,
    shape: readonly number[],
  ): Tensor<DTypeOf<V>> {
    const { device } = this.options;
    const made = persist(tensor(values, { shape, device }));
    this.#owned.push(made);
    return made;
  }

  /** Makes a table of the prompts, one for each row, with room for new tokens. */
  protected promptTable(): IntegerTensor {
    const { prompts, maxLength } = this.options;
    const tokens = new Int32Array(this.rows * maxLength);
    for (let row = 0; row < this.rows; row++) {
      tokens.set(prompts[Math.floor(row / this.group)] ?? [], row * maxLength);
    }
    return this.table(tokens, [this.rows, maxLength]);
  }

  /** Frees the memory. */
  [Symbol.dispose](): void {
    for (const made of this.#owned) made.dispose();
  }
}

// ----------------------------------------------------------------------- loop

/** Options of {@linkcode runSearch}. */
export interface LoopOptions {
  readonly promptLength: number;
  readonly maxLength: number;
  /** Whether scores may hold NaN. */
  readonly invalid: boolean;
  /** Called with the chosen tokens of each row, step by step. */
  readonly streamer: ((tokens: number[][]) => void) | undefined;
}

/**
 * Computes scores and chooses tokens, until all rows have ended or are full.
 *
 * @param logits Computes the scores of the next token, `[rows, vocabulary]`,
 * after `length` tokens.
 * @throws {RangeError} If scores hold NaN without `invalid`, or forbid all
 * tokens.
 */
export async function runSearch(
  search: Search,
  logits: (length: number) => Tensor,
  { promptLength, maxLength, invalid, streamer }: LoopOptions,
): Promise<void> {
  const checks = new Set(checkSteps(maxLength - promptLength));
  const { flags, next, rows } = search;
  for (let length = promptLength; length < maxLength; length++) {
    {
      using _ = scope();
      noGrad(() => {
        const scores = logits(length);
        if (!invalid) findInvalid(scores, flags, { rows, token: length + 1 });
        search.choose(scores, length);
      });
    }
    const last = length + 1 === maxLength;
    if (!streamer && !last && !checks.has(length + 1 - promptLength)) continue;
    const [state = [], tokens = []] = await readAll(
      streamer ? [flags, next] : [flags],
    );
    const broken = state[FLAGS.broken] ?? NEVER;
    if (broken !== NEVER) {
      throw new RangeError(
        `Cannot choose token ${broken}: the model's logits hold NaN`,
      );
    }
    const blocked = state[FLAGS.blocked] ?? NEVER;
    if (blocked !== NEVER) {
      throw new RangeError(
        `Cannot choose token ${blocked}: a row's scores forbid every token, ` +
          "loosen the options that do",
      );
    }
    streamer?.(Array.from(tokens, (token) => [token]));
    if (state[FLAGS.finished] === rows) break;
  }
}

/**
 * The steps, of `count`, after which the host checks whether the search is over.
 * There are 8 at most, and each gap is at least half as large again as the one
 * before.
 */
export function checkSteps(count: number): number[] {
  const steps: number[] = [];
  const growth = Math.max(1.5, (count / 8) ** (1 / 7));
  for (let step = 8; Math.ceil(step) < count; step *= growth) {
    steps.push(Math.ceil(step));
  }
  return steps;
}

/**
 * Stores the lowest token number whose scores hold NaN, unless all rows have
 * ended.
 */
const FIND_INVALID: Kernel = defineKernel({
  name: "find_invalid",
  wgsl: /* wgsl */ `
struct Params { count: u32, rows: u32, token: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> flags: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i * 4u >= p.count) { return; }
  let there = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(p.count);
  let invalid = (x[i] & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  if (any(invalid & there) && atomicLoad(&flags[0]) < p.rows) { atomicMin(&flags[2], p.token); }
}
`,
});

function findInvalid(
  scores: Tensor,
  flags: IntegerTensor,
  { rows, token }: { rows: number; token: number },
): void {
  launch(scores.device, FIND_INVALID, {
    bind: [scores, flags],
    params: { count: scores.size, rows, token },
    groups: grid(Math.ceil(scores.size / 4), FIND_INVALID.workgroupSize),
  });
}
