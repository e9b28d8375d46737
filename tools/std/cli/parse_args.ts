// Copyright 2026 the swagpu authors. MIT license.

/**
 * std's argument parser from npm's `deno-std`, with types. `links` in `deno.json`
 * replaces `jsr:@std/cli/parse-args` with this file, for machines that can reach only
 * npm. Without `links`, JSR's package is used.
 *
 * The types are narrower than std's: option names are flat (no dots), and
 * aliases are not part of the result.
 *
 * @module
 */

import * as std from "deno-std/cli/parse_args.js";

/** The options of {@linkcode parseArgs}. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
> {
  /** Names that are `true` when given and `false` when not. */
  boolean?: B | readonly B[];
  /** Names whose value stays a string even if it looks like a number. */
  string?: S | readonly S[];
  /** Names that may be repeated; their values come as an array. */
  collect?: C | readonly C[];
  /** Names that `--no-name` sets to `false`. */
  negatable?: string | readonly string[];
  /** Values for names that are not given. */
  default?: D;
  /** Other spellings of a name. */
  alias?: Record<string, string | readonly string[]>;
  /** Whether to stop at the first argument that is not an option. */
  stopEarly?: boolean;
  /** Whether what follows `--` goes to the key `--` instead of `_`. */
  "--"?: boolean;
  /** Called for each unknown argument; `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Value<
  K extends string,
  B extends string,
  S extends string,
  C extends string,
  D,
> = K extends C ? (K extends S ? string[] : K extends B ? boolean[] : unknown[])
  : K extends B ? (K extends keyof D ? boolean | D[K] : boolean)
  : K extends S ? (K extends keyof D ? string | D[K] : string | undefined)
  : unknown;

/** What {@linkcode parseArgs} returns: `_` holds the positional arguments. */
export type Args<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  // deno-lint-ignore ban-types
  D = {},
> =
  & { [x: string]: unknown; _: Array<string | number> }
  & { [K in B | S | C | (keyof D & string)]: Value<K, B, S, C, D> };

/** Parses command line arguments. */
export const parseArgs: <
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
  // deno-lint-ignore ban-types
  D extends Record<string, unknown> = {},
>(
  args: readonly string[],
  options?: ParseOptions<B, S, C, D>,
) => Args<B, S, C, D> = std.parseArgs;
