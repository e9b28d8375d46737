// Copyright 2026 the swagpu authors. MIT license.

// What recording costs the host once everything is cached.

import type { Device } from "../engine/mod.ts";
import { add, ones, scope } from "../engine/mod.ts";
import { trainingStep } from "./cases.ts";

/** Costs of the host in steady state. */
export interface HostCost {
  /** Time to validate, allocate, record and submit a tiny op. */
  microsecondsPerDispatch: number;
  dispatchesPerStep: number;
  bindGroupsPerStep: number;
  buffersPerStep: number;
}

/** Measures a chain of tiny adds, and counts over 20 training steps. */
export async function measureHost(device: Device): Promise<HostCost> {
  using _ = scope();
  const chain = () => {
    using _ = scope();
    let x = ones([16]);
    for (let i = 0; i < 1000; i++) x = add(x, 1);
  };
  chain();
  await device.synchronize();
  const samples: number[] = [];
  for (let i = 0; i < 15; i++) {
    const before = device.stream.statistics().dispatches;
    const start = performance.now();
    chain();
    const elapsed = performance.now() - start;
    const count = device.stream.statistics().dispatches - before;
    samples.push(elapsed * 1000 / count);
    await device.synchronize();
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
    microsecondsPerDispatch: samples.sort((a, b) => a - b)[7] ?? NaN,
    dispatchesPerStep: (after.dispatches - before.dispatches) / steps,
    bindGroupsPerStep: (after.bindGroups - before.bindGroups) / steps,
    buffersPerStep: (after.created - before.created) / steps,
  };
}
