// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The parameters of an optimizer, in groups that share settings.

import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Parameters that share settings, as given to an optimizer. */
export type ParameterGroup<Settings> =
  & { parameters: Iterable<Parameter> }
  & Partial<Settings>;

/** A group with all of its settings. */
export type CompleteGroup<Settings> = Settings & {
  readonly parameters: Parameter[];
};

/** One parameter of an optimizer. Kernels know it by its index, its slot. */
export interface Slot<Settings> {
  readonly parameter: Parameter;
  readonly group: Settings;
  /** The number of steps that have changed the parameter. */
  steps: number;
}

/**
 * Completes the groups that an optimizer is given. Parameters that are in no
 * group become the first one.
 *
 * @param parameters Parameters, or groups of them.
 * @param defaults The settings that a group lacks.
 * @throws {TypeError} If a group has a setting that is not known.
 */
export function completeGroups<Settings extends object>(
  parameters: Iterable<Parameter> | readonly ParameterGroup<Settings>[],
  defaults: Settings,
): CompleteGroup<Settings>[] {
  const given: (Parameter | ParameterGroup<Settings>)[] = [...parameters];
  const loose: Parameter[] = [];
  const grouped: ParameterGroup<Settings>[] = [];
  for (const item of given) {
    if (item instanceof Parameter) loose.push(item);
    else grouped.push(item);
  }
  const known = ["parameters", ...Object.keys(defaults)];
  for (const group of grouped) {
    checkOptions(group, { action: "optimize a group", known });
  }
  return [
    ...(loose.length > 0 ? [{ ...defaults, parameters: loose }] : []),
    ...grouped.map((group) => ({
      ...defaults,
      ...present(group),
      parameters: [...group.parameters],
    })),
  ];
}

/** The slots of an optimizer, of which there is at least one. */
export type Slots<Settings> = readonly [Slot<Settings>, ...Slot<Settings>[]];

/**
 * The slots of all parameters, in the order of the groups.
 *
 * @throws {TypeError} If there is no parameter, or one occurs twice.
 */
export function slotsOf<Settings extends object>(
  groups: readonly CompleteGroup<Settings>[],
): Slots<Settings> {
  const slots = groups.flatMap((group) =>
    group.parameters.map((parameter) => ({ parameter, group, steps: 0 }))
  );
  const [first, ...rest] = slots;
  if (!first) {
    throw new TypeError("Cannot optimize: there are no parameters");
  }
  if (new Set(slots.map(({ parameter }) => parameter)).size !== slots.length) {
    throw new TypeError(
      "Cannot optimize a parameter twice: it is in two groups, or repeated",
    );
  }
  return [first, ...rest];
}

/** The settings whose value is not `undefined`: defaults replace the others. */
export function present<T extends object>(settings: T): T {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as T;
}

/** Throws unless every setting is a number of at least 0. */
export function requireNonNegative(
  settings: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(value >= 0)) {
      throw new RangeError(
        `Cannot optimize with ${name} ${value}: it must not be negative`,
      );
    }
  }
}
