// Copyright 2026 the swagpu authors. MIT license.

// The run of the quickstart that the browser keeps: it survives the page and the GPU.

import type { MemberState } from "../../quickstart/member.ts";
import type { TrainingRun } from "../protocol.ts";
import { recall, store } from "./storage.ts";

/** A run with all that is needed to continue it, or to use its model. */
export interface KeptRun extends TrainingRun {
  /** Tells it from a later run of the same plan. */
  readonly id: string;
  readonly state: MemberState;
}

const KEY = "quickstart run";

/** Keeps a run in place of the one before. */
export async function keepRun(run: KeptRun): Promise<void> {
  await store(KEY, run);
}

/** Gives the run that is kept. */
export async function keptRun(): Promise<KeptRun | undefined> {
  return await recall(KEY) as KeptRun | undefined;
}

/** A run without the state that only the worker needs. */
export function publicPart(
  { plan, progress, scores }: TrainingRun,
): TrainingRun {
  return { plan, progress, scores };
}
