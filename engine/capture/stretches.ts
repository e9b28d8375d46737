// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How the commands of a captured step are cut into passes and submits.

import type { Command, Memory } from "./recording.ts";

/** Dispatches of the first submit: few, so that the GPU starts soon. */
const FIRST_CHUNK = 32;

/** Dispatches of every later submit. */
const CHUNK = 128;

/** Copies and clears, then the dispatches of one pass. */
export interface Stretch {
  /** The commands before the pass. */
  readonly before: readonly Command[];
  /** The index of the first dispatch of the pass. */
  readonly start: number;
  /** The index after the last dispatch of the pass. */
  readonly end: number;
  /** Whether to submit after the pass. */
  readonly submit: boolean;
}

/**
 * Cuts commands into stretches. Copies stand between passes, so uploads come first
 * wherever they may: each of them would end a pass.
 */
export function stretchesOf(commands: readonly Command[]): Stretch[] {
  const stretches: Stretch[] = [];
  let before: Command[] = [];
  let start = 0;
  let end = 0;
  let chunk = 0;
  let limit = FIRST_CHUNK;
  const close = (submit: boolean) => {
    stretches.push({ before, start, end, submit });
    before = [];
    start = end;
    if (!submit) return;
    chunk = 0;
    limit = CHUNK;
  };
  for (const command of withUploadsFirst(commands)) {
    if (command.kind === "dispatch") {
      const { hasTexels } = command.pipeline.layout;
      if (hasTexels && end > start) close(chunk >= limit);
      end++;
      if (++chunk >= limit) close(true);
    } else {
      if (end > start) close(false);
      before.push(command);
    }
  }
  if (end > start || before.length > 0) close(true);
  const last = stretches.pop();
  if (last) stretches.push({ ...last, submit: true });
  return stretches;
}

/** Moves uploads to the front where no command before them uses the target. */
function withUploadsFirst(commands: readonly Command[]): Command[] {
  const used = new Set<Memory>();
  const first: Command[] = [];
  const rest: Command[] = [];
  for (const command of commands) {
    const [target] = command.ranges;
    const isEarly = command.kind === "upload" && target !== undefined &&
      !target.memory.transient && !used.has(target.memory);
    (isEarly ? first : rest).push(command);
    if (!isEarly) {
      for (const { memory } of command.ranges) used.add(memory);
    }
  }
  return [...first, ...rest];
}
