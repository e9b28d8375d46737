// Copyright 2026 the swagpu authors. MIT license.

// What recording costs the host once everything is cached.

import type { Device } from "../engine/mod.ts";
import { add, ones, scope } from "../engine/mod.ts";
import { trainingStep } from "./cases.ts";

/** Costs of the host in steady state. */
export interface HostCost {
  /** Median time to validate, allocate and record a tiny op. */
  microsecondsPerDispatch: number;
  dispatchesPerStep: number;
  bindGroupsPerStep: number;
  buffersPerStep: number;
}

const LINKS = 50;

/** Measures a chain of tiny adds, and counts over 20 training steps. */
export async function measureHost(device: Device): Promise<HostCost> {
  using _ = scope();
  // Fewer than fill a chunk: a software adapter works inside submit, and what
  // it works is not the host's cost.
  const chain = () => {
    using _ = scope();
    let x = ones([16]);
    const start = performance.now();
    for (let i = 0; i < LINKS; i++) x = add(x, 1);
    return performance.now() - start;
  };
  const samples: number[] = [];
  for (let i = 0; i < 400; i++) {
    device.stream.flush();
    const elapsed = chain();
    if (i >= 200) samples.push(elapsed * 1000 / LINKS);
    await (i % 50 === 0 ? device.synchronize() : undefined);
  }
  const step = trainingStep(device);
  for (let i = 0; i < 5; i++) step.run();
  await device.synchronize();
  const before = { ...device.stream.statistics(), ...device.pool.statistics() };
  const steps = 20;
  for (let i = 0; i < steps; i++) step.run();
  await device.synchronize();
  const after = { ...device.stream.statistics(), ...device.pool.statistics() };
  step.dispose();
  return {
    microsecondsPerDispatch: samples.sort((a, b) => a - b)[100] ?? NaN,
    dispatchesPerStep: (after.dispatches - before.dispatches) / steps,
    bindGroupsPerStep: (after.bindGroups - before.bindGroups) / steps,
    buffersPerStep: (after.created - before.created) / steps,
  };
}
