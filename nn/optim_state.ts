// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What an optimizer needs to continue a run: reading it from the GPU, checking
// it and writing it back.

import type { CompleteGroup, Slots } from "./optim_groups.ts";
import { momentsOf, type SegmentState } from "./optim_segments.ts";
import { checkOptions } from "./options.ts";

/** What an optimizer keeps about one parameter. */
export interface ParameterState {
  /** The number of steps that have changed the parameter. */
  steps: number;
  /** The parameter's part of each moment, in the order of the rule. */
  moments: Float32Array<ArrayBuffer>[];
}

/** All that an optimizer needs to continue a run, except for the weights. */
export interface OptimizerState<Settings = object> {
  /** The number of steps made. */
  steps: number;
  /** The settings of each group. */
  groups: Settings[];
  /** The state of each parameter, in the order of the groups. */
  parameters: ParameterState[];
}

/** An optimizer's groups, slots and moments. */
interface Parts<Settings> {
  readonly groups: readonly CompleteGroup<Settings>[];
  readonly slots: Slots<Settings>;
  readonly states: readonly SegmentState[];
}

/** Copies the settings of each group. */
export function settingsOf<Settings>(
  groups: readonly CompleteGroup<Settings>[],
): Settings[] {
  return groups.map((group) => structuredClone(withoutParameters(group)));
}

/** The settings of a group alone. */
function withoutParameters<Settings>(group: CompleteGroup<Settings>): Settings {
  const settings = Object.entries(group).filter(([name]) =>
    name !== "parameters"
  );
  return Object.fromEntries(settings) as Settings;
}

/** Reads counts and moments of all parameters with one wait. */
export async function readParameters(
  { slots, states }: Pick<Parts<unknown>, "slots" | "states">,
): Promise<ParameterState[]> {
  const steps = slots.map((slot) => slot.steps);
  // A parameter that is stored as f16 has no moments.
  const ranges = slots.map(({ parameter }) =>
    momentsOf(states, parameter).map(({ block, offset }) => ({
      block,
      offset,
      bytes: parameter.bytes,
    }))
  );
  const read = await slots[0].parameter.device.stream.read(ranges.flat());
  let at = 0;
  return steps.map((steps, i) => ({
    steps,
    moments: read.slice(at, at += ranges[i]?.length ?? 0)
      .map((bytes) => new Float32Array(bytes)),
  }));
}

/**
 * Throws unless a state belongs to an optimizer like this one.
 *
 * @param state The state.
 * @param parts What the optimizer has.
 * @param checkSettings Throws if settings of a group are out of range.
 */
export function checkState<Settings>(
  { steps, groups, parameters }: OptimizerState<Settings>,
  { groups: ownGroups, slots, states }: Parts<Settings>,
  checkSettings: (settings: Settings) => void,
): void {
  const requireSame = (what: string, loaded: unknown, own: unknown) => {
    if (`${loaded}` === `${own}`) return;
    throw new TypeError(
      `Cannot load the optimizer's state: ${what} is ${loaded} in the state but ` +
        `${own} in the optimizer`,
    );
  };
  requireSame("the number of groups", groups.length, ownGroups.length);
  requireSame("the number of parameters", parameters.length, slots.length);
  ownGroups.forEach((group, i) => {
    const settings = withoutParameters(group);
    const loaded = groups[i] as Settings;
    checkOptions(loaded as object, {
      action: "load the optimizer's state",
      known: Object.keys(settings as object),
    });
    checkSettings({ ...settings, ...loaded });
  });
  slots.forEach(({ parameter }, i) => {
    const loaded = parameters[i]?.moments.map(({ length }) => length) ?? [];
    const own = momentsOf(states, parameter).map(() => parameter.size);
    const what = `the list of moment lengths of parameter ${i}`;
    requireSame(what, `[${loaded}]`, `[${own}]`);
  });
  for (const count of [steps, ...parameters.map(({ steps }) => steps)]) {
    if (Number.isSafeInteger(count) && count >= 0) continue;
    throw new RangeError(
      `Cannot load the optimizer's state: a number of steps is ${count}, but ` +
        "must be a whole number of at least 0",
    );
  }
}

/** Writes counts and moments of all parameters. */
export function writeParameters(
  { slots, states }: Pick<Parts<unknown>, "slots" | "states">,
  parameters: readonly ParameterState[],
): void {
  slots.forEach((slot, i) => {
    const { steps = 0, moments = [] } = parameters[i] ?? {};
    slot.steps = steps;
    momentsOf(states, slot.parameter).forEach(({ block, offset }, k) => {
      const values = moments[k];
      if (!values || values.length === 0) return;
      const { stream } = slot.parameter.device;
      stream.upload(block, offset, Float32Array.from(values));
    });
  });
}
