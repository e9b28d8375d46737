// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Beam search: several rows of each prompt are continued, and of those that end
// the best are kept.

import { allocate, grid, launch } from "../../engine/kernel_kit.ts";
import {
  type IntegerTensor,
  logSoftmax,
  readAll,
  type Tensor,
} from "../../engine/mod.ts";
import { ADVANCE, FINISH, LOWEST_SCORE, MOVE } from "./beam_kernels.ts";
import { bestContinuations } from "./candidates.ts";
import { Search, type SearchOptions, type SearchResult } from "./search.ts";

/** The tables that a step reads, and those that it writes: two sets, in turn. */
interface Tables {
  readonly tokens: IntegerTensor;
  readonly ended: IntegerTensor;
  readonly origins: IntegerTensor;
  readonly beams: Tensor<"u32">;
}

/**
 * Continues several rows of each prompt, and returns those of the highest
 * score.
 */
export class BeamSearch extends Search {
  /** The token that fills rows which have ended. */
  readonly #padding: number;
  #now: Tables;
  #then: Tables;

  constructor(options: SearchOptions) {
    super(options, options.config.numBeams);
    const { config, eosTokenIds } = options;
    // As in transformers, a padding token 0 is treated as absent here.
    this.#padding = config.padTokenId || (eosTokenIds[0] ?? -1);
    this.#now = this.#tables(this.tokens, this.origins);
    this.#then = this.#tables();
  }

  /**
   * Chooses the next tokens of all beams.
   *
   * @throws {RangeError} If the vocabulary is too small for so many beams.
   */
  override choose(logits: Tensor, length: number): void {
    const { next, positions, endings, flags, rows, promptLength } = this;
    const { config, prompts, eosTokenIds, stream, maxLength } = this.options;
    const { earlyStopping, lengthPenalty } = config;
    const { device } = logits;
    const vocabulary = logits.shape[1] ?? 0;
    const beams = this.group;
    // Enough continuations for all beams, even if every end token is among the
    // best.
    const count = Math.max(2, 1 + eosTokenIds.length) * beams;
    if (count > beams * vocabulary) {
      throw new RangeError(
        `Cannot follow ${beams} beams: they need ${count} continuations, and ` +
          `${vocabulary} tokens give ${beams * vocabulary}`,
      );
    }
    const now = this.#now;
    const then = this.#then;
    const scores = this.process(logSoftmax(logits), length);
    const best = bestContinuations(scores, {
      group: beams,
      count,
      open: now.beams,
      noise: stream && { stream, step: length },
    });
    const moves = allocate(device, [rows, 4], "i32");
    const newTokens = length + 1 - promptLength;
    const longest = earlyStopping === "never" && lengthPenalty > 0
      ? maxLength - promptLength
      : newTokens;
    const shared = {
      prompts: prompts.length,
      beams,
      stop_when_full: earlyStopping === true ? 1 : 0,
    };
    launch(device, ADVANCE, {
      bind: [best, scores, endings, now.beams, then.beams, moves, next, flags],
      params: {
        ...shared,
        vocabulary,
        count,
        length,
        max_length: maxLength,
        endings: eosTokenIds.length,
        padding: this.#padding,
        divisor: newTokens ** lengthPenalty,
        possible_divisor: longest ** lengthPenalty,
      },
      groups: grid(prompts.length, ADVANCE.workgroupSize),
    });
    const items = rows * (length + 1);
    const tables = ({ tokens, ended, origins }: Tables) => [
      tokens,
      ended,
      origins,
    ];
    launch(device, MOVE, {
      bind: [moves, ...tables(now), ...tables(then), positions],
      params: { beams, capacity: maxLength, items, length },
      groups: grid(items, MOVE.workgroupSize),
    });
    launch(device, FINISH, {
      bind: [then.beams, flags],
      params: { ...shared, length: length + 1 },
      groups: [1],
    });
    [this.#now, this.#then] = [then, now];
    this.tokens = then.tokens;
    this.origins = then.origins;
  }

  override async result(): Promise<SearchResult> {
    const { config, maxLength } = this.options;
    const { ended, beams } = this.#now;
    const [tokens = [], words = []] = await readAll([ended, beams]);
    const scores = new Float32Array(Uint32Array.from(words).buffer);
    const returned = Array.from({ length: this.rows }, (_, row) => row)
      .filter((row) => row % this.group < config.numReturnSequences)
      .map((row) => {
        const length = (words[row * 4 + 2] ?? 0) >>> 1;
        const start = row * maxLength;
        return {
          tokens: [...tokens.slice(start, start + length)],
          score: scores[row * 4 + 1] ?? 0,
        };
      });
    const length = Math.max(...returned.map(({ tokens }) => tokens.length));
    return {
      sequences: returned.map(({ tokens }) => [
        ...tokens,
        ...new Array<number>(length - tokens.length).fill(this.#padding),
      ]),
      sequencesScores: returned.map(({ score }) => score),
    };
  }

  #tables(tokens = this.promptTable(), origins?: IntegerTensor): Tables {
    const { rows, promptLength } = this;
    const { maxLength } = this.options;
    const words = new Uint32Array(rows * 4);
    const floats = new Float32Array(words.buffer);
    for (let row = 0; row < rows; row++) {
      // At first all rows of a prompt are equal, so only one may be continued.
      floats[row * 4] = row % this.group === 0 ? 0 : LOWEST_SCORE;
      floats[row * 4 + 1] = LOWEST_SCORE;
      words[row * 4 + 2] = 2 * promptLength;
      words[row * 4 + 3] = 1;
    }
    const size = rows * maxLength;
    return {
      tokens,
      ended: this.promptTable(),
      origins: origins ?? this.table(new Int32Array(size), [rows, maxLength]),
      beams: this.table(words, [rows, 4]),
    };
  }
}
