// Copyright 2026 the swagpu authors. MIT license.

// This module is browser compatible.

// What chooses tokens, step by step, without leaving the GPU; and the loop around
// it, which asks a model for scores and now and then whether all rows have ended.

import {
  type Device,
  grid,
  type Kernel,
  launch,
  noGrad,
  persist,
  type RandomStream,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import type { GenerationConfig } from "./generation_config.ts";
import { logitsProcessors } from "./processors.ts";
import type { LogitsProcessor } from "./processors.ts";

/** What a search starts from. */
export interface SearchOptions {
  readonly device: Device;
  readonly config: GenerationConfig;
  /** Rows of tokens, equally long. */
  readonly prompts: readonly (readonly number[])[];
  /** The place of each prompt's last token among those that count. */
  readonly places: readonly number[];
  /** Tokens that a row may have, the prompt's counted. */
  readonly maxLength: number;
  /** The tokens that end a row. */
  readonly eosTokenIds: readonly number[];
  /** Where random numbers come from, where tokens are drawn. */
  readonly stream: RandomStream | undefined;
}

/** What a search gives. */
export interface SearchResult {
  sequences: number[][];
  sequencesScores?: number[];
}

/** What the words of a search's flags say. */
export const FLAGS = {
  /** Rows that have ended; all of them once the search is over. */
  finished: 0,
  /** Tokens of the longest row, until the search was over. */
  length: 1,
  /** The first place whose scores held NaN. */
  broken: 2,
  /** The first place of a row that may not go on by any token. */
  blocked: 3,
} as const;

const WHOLE = 0xffffffff;

/** A way of choosing tokens, and its tables on the GPU. */
export abstract class Search implements Disposable {
  /** What the search started from. */
  readonly options: SearchOptions;
  /** Rows of each prompt. */
  readonly group: number;
  /** Rows in all. */
  readonly rows: number;
  /** Tokens of a prompt. */
  readonly promptLength: number;
  /** The tokens of each row, `[rows, maxLength]`. */
  tokens: Tensor;
  /** Where the cache holds what rows have seen, `[rows, maxLength]`. */
  origins: Tensor | undefined;
  /** The chosen tokens, `[rows, 1]`: the model's next input. */
  readonly next: Tensor;
  /** Their places among the tokens that count, `[rows, 1]`. */
  readonly places: Tensor;
  /** {@linkcode FLAGS}. */
  readonly flags: Tensor;
  /** The end tokens. */
  protected readonly endings: Tensor;
  readonly #processors: readonly LogitsProcessor[];
  readonly #owned: Tensor[] = [];

  constructor(options: SearchOptions, group: number) {
    const { device, prompts, maxLength, eosTokenIds } = options;
    const promptLength = prompts[0]?.length ?? 0;
    const rows = prompts.length * group;
    this.options = options;
    this.group = group;
    this.rows = rows;
    this.promptLength = promptLength;
    const places = new Int32Array(rows);
    const origins = new Int32Array(rows * maxLength);
    for (let row = 0; row < rows; row++) {
      const prompt = Math.floor(row / group);
      places[row] = options.places[prompt] ?? 0;
      origins.fill(row, row * maxLength, (row + 1) * maxLength);
      // The prompt is looked at once, and lies in its first row.
      const end = row * maxLength + promptLength;
      origins.fill(prompt * group, row * maxLength, end);
    }
    this.tokens = this.promptTable();
    this.next = this.table(new Int32Array(rows), [rows, 1]);
    this.places = this.table(places, [rows, 1]);
    if (group > 1) this.origins = this.table(origins, [rows, maxLength]);
    this.flags = this.table(Uint32Array.of(0, promptLength, WHOLE, WHOLE), [4]);
    // Something to bind where there is no end token.
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
   * @param length Tokens that rows have by now.
   */
  abstract choose(logits: Tensor, length: number): void;

  /** Reads what was found. */
  abstract result(): Promise<SearchResult>;

  /** Scores after all processors. */
  protected process(scores: Tensor, length: number): Tensor {
    const step = { scores, tokens: this.tokens, length };
    for (const processor of this.#processors) processor(step);
    return step.scores;
  }

  /** Values that live as long as the search. */
  protected table(
    values: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
    shape: readonly number[],
  ): Tensor {
    const { device } = this.options;
    const dtype = values instanceof Int32Array ? "i32" : "u32";
    const made = persist(tensor(values, { shape, dtype, device }));
    this.#owned.push(made);
    return made;
  }

  /** The prompts, one for each row, with place for the tokens to come. */
  protected promptTable(): Tensor {
    const { prompts, maxLength } = this.options;
    const tokens = new Int32Array(this.rows * maxLength);
    for (let row = 0; row < this.rows; row++) {
      tokens.set(prompts[Math.floor(row / this.group)] ?? [], row * maxLength);
    }
    return this.table(tokens, [this.rows, maxLength]);
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    for (const made of this.#owned) made.dispose();
  }
}

// ----------------------------------------------------------------------- loop

/** What the loop needs to know. */
export interface LoopOptions {
  readonly promptLength: number;
  readonly maxLength: number;
  /** Whether scores may hold NaN. */
  readonly invalid: boolean;
  /** Called with the chosen tokens of each row, step by step. */
  readonly streamer: ((tokens: number[][]) => void) | undefined;
}

/**
 * Asks for scores and chooses, until all rows have ended or are full.
 *
 * @param logits Gives scores of the next token `[rows, vocabulary]`, after so
 * many tokens.
 * @throws {RangeError} If scores hold NaN, unless they may, or forbid all tokens.
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
        if (!invalid) findInvalid(scores, flags, { rows, place: length + 1 });
        search.choose(scores, length);
      });
    }
    const last = length + 1 === maxLength;
    if (!streamer && !last && !checks.has(length + 1 - promptLength)) continue;
    const [state = [], tokens = []] = await readAll(
      streamer ? [flags, next] : [flags],
    );
    const broken = state[FLAGS.broken] ?? WHOLE;
    if (broken !== WHOLE) {
      throw new RangeError(
        `Cannot choose token ${broken}: the model's logits hold NaN`,
      );
    }
    const blocked = state[FLAGS.blocked] ?? WHOLE;
    if (blocked !== WHOLE) {
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
 * After which of `count` steps to look whether the search is over: 8 times at
 * most, with gaps that grow by the half or more.
 */
export function checkSteps(count: number): number[] {
  const steps: number[] = [];
  const growth = Math.max(1.5, (count / 8) ** (1 / 7));
  for (let step = 8; Math.ceil(step) < count; step *= growth) {
    steps.push(Math.ceil(step));
  }
  return steps;
}

// Notes the lowest place whose scores hold NaN, unless the search is over.
const FIND_INVALID: Kernel = {
  name: "find_invalid",
  bind: ["read", "write"],
  params: { count: "u32", rows: "u32", place: "u32" },
  wgsl: /* wgsl */ `
struct Params { count: u32, rows: u32, place: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> flags: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i * 4u >= p.count) { return; }
  let there = vec4<u32>(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(p.count);
  let invalid = (x[i] & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  if (any(invalid & there) && atomicLoad(&flags[0]) < p.rows) { atomicMin(&flags[2], p.place); }
}
`,
};

function findInvalid(
  scores: Tensor,
  flags: Tensor,
  { rows, place }: { rows: number; place: number },
): void {
  launch(scores.device, FIND_INVALID, {
    bind: [scores, flags],
    params: { count: scores.size, rows, place },
    groups: grid(Math.ceil(scores.size / 4), 64),
  });
}
