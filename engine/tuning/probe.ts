// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Probes: which of two variants that give the same bits is faster on this
// adapter. Even processors that run the same software driver differ: reading an
// operand as texels took an AMD host a third of the time of reading a buffer, and
// an Intel host one and a half times that time. The first large call of a family
// starts a probe of a few milliseconds, which is recorded after the code that is
// running has returned. Calls before its end run the usual variant.

import type { Device } from "../gpu/device.ts";
import { dependsOn } from "../gpu/observer.ts";
import { persist, scope, type Scoped } from "../scope.ts";
import { families, type Probe, rehearse } from "./registry.ts";
import { type Stopwatch, stopwatchFor } from "./stopwatch.ts";

/** How often each variant is timed; the fastest time counts. */
const ROUNDS = 3;

/** The other variant is taken if it needs less than this share of the time. */
const WORTHWHILE = 0.95;

const results = new WeakMap<Device, Map<string, Promise<void> | string>>();

function resultsOf(device: Device): Map<string, Promise<void> | string> {
  let known = results.get(device);
  if (!known) results.set(device, known = new Map());
  return known;
}

/**
 * Returns the variant to run where a family would run its default: another one
 * with the same bits if a probe has found it to be faster. Starts the probe if
 * there was none.
 */
export function probed(device: Device, family: string, usual: string): string {
  const probe = families.get(family)?.probe;
  if (!probe || usual !== probe.usual || !device.canProbe) return usual;
  const known = resultsOf(device);
  const result = known.get(family);
  dependsOn(() => known.get(family) === result, `${family} probe`);
  if (typeof result === "string") return result;
  if (!result) {
    const started = Promise.resolve().then(() =>
      measure(device, family, probe)
    );
    known.set(family, started);
    started.then(() => {
      if (known.get(family) === started) known.set(family, usual);
    });
  }
  return usual;
}

/** Waits for the probes in progress, as a benchmark should before it starts. */
export async function probesOf(device: Device): Promise<void> {
  await Promise.all([...resultsOf(device).values()]);
}

/** Finds the faster variant of a probe; the usual one if neither is faster. */
async function measure(
  device: Device,
  family: string,
  { usual, other, run }: Probe,
): Promise<void> {
  const operands: Scoped[] = [];
  let stopwatch: Stopwatch | undefined;
  try {
    stopwatch = stopwatchFor(device, true);
    let work = () => {};
    { // The operands are kept until the clock has been read.
      using made = scope();
      work = run(device);
      for (const tensor of [...made.tensors]) operands.push(persist(tensor));
    }
    const variants = Array.from({ length: 1 + ROUNDS }, () => [usual, other])
      .flat();
    const taken = await stopwatch.time(
      variants.map((variant) => () =>
        void rehearse(family, variant, () => {
          using _ = scope();
          work();
        })
      ),
    );
    // The first pair does not count, because it compiles the kernels.
    const best = (which: number) =>
      Math.min(...taken.filter((_, i) => i > 1 && i % 2 === which));
    const isFaster = best(1) > 0 && best(1) < WORTHWHILE * best(0);
    resultsOf(device).set(family, isFaster ? other : usual);
  } catch {
    // If memory ran out or the device was lost, the user's own calls report it.
  } finally {
    for (const tensor of operands) tensor.dispose();
    stopwatch?.dispose();
  }
}
