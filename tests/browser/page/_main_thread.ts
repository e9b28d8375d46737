// Copyright 2026 the swagpu authors. MIT license.

// How long the page's own thread computes without a pause. Time on the processor is
// counted, and not on the clock: where other programs keep the machine busy, a thread
// that is ready to run may wait for long.

import { assert } from "@std/assert";
import type { Tab } from "../../../tools/browser/driver.ts";

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds on the processor. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/**
 * Measures the tasks of the page's thread while something is done.
 *
 * @param tab The page.
 * @param body What is done.
 * @returns The milliseconds of each task, the longest first.
 */
export async function mainThreadTasks(
  { page }: Tab,
  body: () => Promise<void>,
): Promise<number[]> {
  const browser = page.context().browser();
  assert(browser);
  await browser.startTracing(page, { categories: ["toplevel"] });
  let text: string;
  try {
    await body();
  } finally {
    text = (await browser.stopTracing()).toString();
  }
  const { traceEvents } = JSON.parse(text) as { traceEvents: TraceEvent[] };
  const main = new Set(
    traceEvents
      .filter(({ name, args }) =>
        name === "thread_name" && args.name === "CrRendererMain"
      )
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return traceEvents
    .filter(({ name, pid, tid, tdur }) =>
      tdur !== undefined && name.endsWith("RunTask") &&
      main.has(`${pid} ${tid}`)
    )
    .map(({ tdur = 0 }) => tdur / 1_000)
    .sort((a, b) => b - a);
}
