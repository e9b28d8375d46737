// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// This file passes 400 lines for the documentation of its one class.

import type { Tensor } from "../engine/mod.ts";
import {
  allocate,
  fillInto,
  grid,
  isCapturing,
  type Kernel,
  launch,
  onReplay,
  part,
  persist,
  specialize,
  touch,
  windows,
} from "../engine/kernel_kit.ts";
import {
  ACTION_FIELD,
  clipScale,
  SLOT_FIELDS,
  squares,
} from "./optim_kernels.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";
import {
  findDiverged,
  layOut,
  momentsOf,
  parameterOf,
  type SegmentState,
  vectorsEach,
} from "./optim_segments.ts";
import { segmentsOf } from "./segment.ts";

/** Parameters that share settings, as given to an optimizer. */
export type ParameterGroup<Settings> =
  & { parameters: Iterable<Parameter> }
  & Partial<Settings>;

/** One parameter of an optimizer. */
interface Slot<Settings> {
  readonly parameter: Parameter;
  readonly group: Settings;
  /** Steps that have changed the parameter. */
  steps: number;
}

/** What {@linkcode Optimizer} does to a parameter at a step. */
const ACTIONS = { nothing: 0, step: 1, clear: 2 } as const;

/** Options of {@linkcode Optimizer.step}. */
export interface StepOptions {
  /**
   * Whether gradients keep their values. Otherwise the step sets them to zero
   * in the same pass over memory, ready for the next `backward`.
   *
   * @default {false}
   */
  keepGradients?: boolean;
}

/** What an optimizer knows of one parameter. */
export interface ParameterState {
  /** Steps that have changed it. */
  steps: number;
  /** Its part of each moment, in the order of the rule. */
  moments: Float32Array<ArrayBuffer>[];
}

/** All that an optimizer needs to go on with a run, besides the weights. */
export interface OptimizerState<Settings = object> {
  /** Steps made. */
  steps: number;
  /** The settings of each group. */
  groups: Settings[];
  /** What is known of each parameter, in the order of the groups. */
  parameters: ParameterState[];
}

/**
 * What all optimizers share: parameter groups, step counts, and one dispatch
 * per segment. A new rule is a kernel and two short methods.
 *
 * Each step decides anew what it changes, as PyTorch does: parameters that have
 * received a gradient since the last step or `zeroGrad`, even one of zeros. Those
 * that are frozen, or that the loss did not use, are left alone: no decay, no
 * moment, no count. Parameters may be frozen and unfrozen at any time, also
 * between replays of a captured step. Several optimizers may share a model; none
 * touches the gradients of parameters that it was not given.
 */
export abstract class Optimizer<
  Settings extends { learningRate: number } = { learningRate: number },
> {
  /** The groups with their settings, which may be changed between steps. */
  readonly groups: readonly (Settings & { readonly parameters: Parameter[] })[];
  #steps = 0;
  readonly #slots: readonly Slot<Settings>[];
  readonly #states: readonly SegmentState[];
  readonly #table: Tensor;
  /** What the table holds, so that equal values are not written again. */
  #written = new Float32Array();
  readonly #unit: Tensor;
  readonly #scale: Tensor;

  /**
   * Takes places in the flat vector and allocates the moments.
   *
   * @param parameters Parameters, or groups of them with settings of their own.
   * @param defaults Settings where a group has none.
   * @param moments Buffers kept per segment.
   * @throws {TypeError} If there is no parameter, one is in two groups, or a
   * setting has a name that the optimizer does not know.
   */
  constructor(
    parameters: Iterable<Parameter> | readonly ParameterGroup<Settings>[],
    defaults: Settings,
    moments: number,
  ) {
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
    this.groups = [
      ...(loose.length > 0 ? [{ ...defaults, parameters: loose }] : []),
      ...grouped.map((group) => ({
        ...defaults,
        ...present(group),
        parameters: [...group.parameters],
      })),
    ];
    for (const group of this.groups) this.checkSettings(group);
    this.#slots = this.groups.flatMap((group) =>
      group.parameters.map((parameter) => ({ parameter, group, steps: 0 }))
    );
    const all = this.#slots.map(({ parameter }) => parameter);
    const [first] = all;
    if (!first) {
      throw new TypeError("Cannot optimise: there are no parameters");
    }
    if (new Set(all).size !== all.length) {
      throw new TypeError(
        "Cannot optimise a parameter twice: it is in two groups, or repeated",
      );
    }
    this.#states = segmentsOf(all).map((segment) =>
      layOut(segment, all, { moments, scale: () => this.#scale })
    );
    const { device } = first;
    this.#table = persist(allocate(device, [all.length * SLOT_FIELDS]));
    this.#unit = persist(allocate(device, [1]));
    this.#scale = persist(allocate(device, [1]));
    fillInto(this.#unit, 1);
  }

  /** The learning rate of the first group; setting it sets all groups'. */
  get learningRate(): number {
    return this.groups[0]?.learningRate ?? 0;
  }

  set learningRate(value: number) {
    requireNonNegative({ learningRate: value });
    for (const group of this.groups) group.learningRate = value;
  }

  /**
   * Steps made so far. Setting it, as to go on with a run, sets the count of
   * every parameter too.
   */
  get steps(): number {
    return this.#steps;
  }

  set steps(value: number) {
    this.#steps = value;
    for (const slot of this.#slots) slot.steps = value;
  }

  /**
   * The steps that have changed each parameter, in the order of the groups:
   * PyTorch's `state["step"]`. Fewer than {@linkcode steps} where a parameter
   * was frozen or unused for a while.
   */
  get parameterSteps(): ReadonlyMap<Parameter, number> {
    return new Map(this.#slots.map((slot) => [slot.parameter, slot.steps]));
  }

  /**
   * Updates every parameter that has a gradient and is not frozen: one dispatch
   * per segment.
   */
  step(options: StepOptions = {}): void {
    checkOptions(options, STEP_OPTIONS);
    const { keepGradients = false } = options;
    // Gradients that are kept have to be clipped themselves.
    if (keepGradients) {
      for (const { segment } of this.#states) segment.settle();
    }
    const scales = this.#states.map(({ segment, clipping }) =>
      segment.takeDeferred(clipping) ? this.#scale : this.#unit
    );
    onReplay(() => this.#prepare(keepGradients));
    const per = vectorsEach(this.#table.device);
    const kernel = specialize(this.kernel, { PER: per });
    this.#states.forEach(({ segment, blockSlot, moments }, i) => {
      const { device, values, unsettledGradients, length } = segment;
      for (const window of windows(device, length, [1])) {
        const vectors = window.count / 4;
        launch(device, kernel, {
          bind: [
            ...[values, unsettledGradients, ...moments].map((x) =>
              part(x, window, 1)
            ),
            blockSlot,
            this.#table,
            scales[i] ?? this.#unit,
          ],
          params: {
            vectors,
            first: window.start / 4,
            keep: keepGradients ? 1 : 0,
          },
          groups: grid(Math.ceil(vectors / per), this.kernel.workgroupSize),
        });
      }
    });
  }

  /**
   * Sets the gradients of the optimizer's parameters to zero: none has one
   * afterwards. {@linkcode step} has done so already, unless told otherwise.
   */
  zeroGrad(): void {
    for (const { segment, runs, clipping } of this.#states) {
      segment.takeDeferred(clipping);
      for (const { start, end } of runs) {
        segment.clearGradients(start, end - start);
      }
    }
    onReplay(() => {
      for (const { parameter } of this.#slots) parameter.endGradient();
    });
  }

  /**
   * Multiplies the gradients that there are now so that their norm is at most
   * `maxNorm`; see {@linkcode clipGradNorm}.
   *
   * @throws {RangeError} If `maxNorm` is not positive.
   */
  clip(maxNorm: number): Tensor {
    if (!(maxNorm > 0)) {
      throw new RangeError(
        `Cannot clip to norm ${maxNorm}: it must be positive`,
      );
    }
    const device = this.#table.device;
    const run = 16;
    for (const { segment } of this.#states) segment.settle();
    const jobs = this.#states.flatMap(({ segment, blockSlot }) =>
      windows(device, segment.length, [1]).map((window) => {
        const vectors = window.count / 4;
        const count = Math.ceil(vectors / (run * 16));
        return { segment, blockSlot, window, vectors, count };
      })
    );
    const total = jobs.reduce((n, job) => n + job.count, 0);
    const partial = allocate(device, [total]);
    let at = 0;
    for (const { segment, blockSlot, window, vectors, count } of jobs) {
      launch(device, squares, {
        bind: [part(segment.gradients, window, 1), blockSlot, partial],
        params: { vectors, first: window.start / 4, at, run },
        groups: [Math.ceil(count / squares.workgroupSize)],
      });
      at += count;
    }
    const norm = allocate(device, []);
    launch(device, clipScale, {
      bind: [partial, norm, this.#scale],
      params: { count: total, max: maxNorm },
      groups: [1],
    });
    partial.dispose();
    for (const { segment, clipping } of this.#states) segment.defer(clipping);
    return norm;
  }

  /**
   * Looks for weights that are not finite, or whose squares are beyond 32-bit
   * floats; {@linkcode parameterOf} tells whose the block found is.
   *
   * @param found Made by `makeAnswer`.
   */
  findDiverged(found: Tensor<"u32">): void {
    findDiverged(this.#states, found);
  }

  /** The parameter that a block found by {@linkcode findDiverged} belongs to. */
  parameterOf(block: number): Parameter | undefined {
    return parameterOf(this.#states, block);
  }

  /** Bytes on the GPU that the optimizer keeps besides the parameters. */
  get bytes(): number {
    return this.#states.reduce(
      (n, { blockSlot, moments }) =>
        moments.reduce((m, x) => m + x.bytes, n + blockSlot.bytes),
      this.#table.bytes,
    );
  }

  /** The kept buffers by segment, for checkpoints of a run. */
  get moments(): readonly (readonly Tensor[])[] {
    return this.#states.map(({ moments }) => moments);
  }

  /**
   * Reads what is needed to go on with a run: counts, settings and moments, with
   * one wait. Weights, the generator and the schedule have states of their own.
   *
   * @example A run goes on in a new optimizer
   * ```ts
   * import { backward, initialize, mul, sum } from "@swagpu/swagpu/engine";
   * import { AdamW, ones, Parameter } from "@swagpu/swagpu/nn";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const x = new Parameter([2], ones());
   * const before = new AdamW([x], { learningRate: 0.1 });
   * backward(sum(mul(x, x)));
   * before.step();
   * const after = new AdamW([x]);
   * after.loadStateDict(await before.stateDict());
   * assertEquals([after.steps, after.learningRate], [1, 0.1]);
   * ```
   */
  async stateDict(): Promise<OptimizerState<Settings>> {
    const steps = this.#slots.map((slot) => slot.steps);
    const groups = this.groups.map(({ parameters: _, ...settings }) =>
      structuredClone(settings) as unknown as Settings
    );
    const counts = this.#steps;
    const ranges = this.#slots.flatMap(({ parameter }) =>
      momentsOf(this.#states, parameter).map(({ block, offset }) => ({
        block,
        offset,
        bytes: parameter.bytes,
      }))
    );
    const read = await this.#table.device.stream.read(ranges);
    const each = ranges.length / this.#slots.length;
    return {
      steps: counts,
      groups,
      parameters: steps.map((steps, i) => ({
        steps,
        moments: read.slice(i * each, (i + 1) * each)
          .map((bytes) => new Float32Array(bytes)),
      })),
    };
  }

  /**
   * Goes on from what {@linkcode stateDict} gave: settings, counts and moments
   * are overwritten, gradients are left as they are.
   *
   * @throws {TypeError} If groups, parameters, their sizes or the rule are not
   * those that the state is of; nothing is changed then.
   * @throws {RangeError} If a setting or a count is out of range.
   */
  loadStateDict(state: OptimizerState<Settings>): void {
    const { steps, groups, parameters } = state;
    const refuse = (what: string, there: unknown, here: unknown): never => {
      throw new TypeError(
        `Cannot load the optimizer's state: ${what} are ${there} there and ` +
          `${here} here`,
      );
    };
    if (groups.length !== this.groups.length) {
      refuse("groups", groups.length, this.groups.length);
    }
    if (parameters.length !== this.#slots.length) {
      refuse("parameters", parameters.length, this.#slots.length);
    }
    this.groups.forEach(({ parameters: _, ...settings }, i) => {
      const there = groups[i] as Settings;
      const known = Object.keys(settings);
      checkOptions(there, { action: "load the optimizer's state", known });
      this.checkSettings({ ...settings as unknown as Settings, ...there });
    });
    this.#slots.forEach(({ parameter }, i) => {
      const there = parameters[i]?.moments.map(({ length }) => length) ?? [];
      const here = momentsOf(this.#states, parameter).map(() => parameter.size);
      if (`${there}` !== `${here}`) {
        refuse(`the moments of parameter ${i}`, `[${there}]`, `[${here}]`);
      }
    });
    for (const count of [steps, ...parameters.map(({ steps }) => steps)]) {
      if (Number.isSafeInteger(count) && count >= 0) continue;
      throw new RangeError(
        `Cannot load the optimizer's state: ${count} is no number of steps`,
      );
    }
    this.groups.forEach((group, i) => Object.assign(group, groups[i]));
    this.#steps = steps;
    this.#slots.forEach((slot, i) => {
      const { steps = 0, moments = [] } = parameters[i] ?? {};
      slot.steps = steps;
      momentsOf(this.#states, slot.parameter).forEach(
        ({ block, offset }, k) => {
          const values = moments[k];
          if (!values || values.length === 0) return;
          const { stream } = slot.parameter.device;
          stream.upload(block, offset, Float32Array.from(values));
        },
      );
    });
  }

  /** Frees what the optimizer keeps on the GPU. */
  dispose(): void {
    const unfinished = this.#states.filter(({ segment, clipping }) =>
      !segment.values.isDisposed && segment.takeDeferred(clipping)
    );
    try {
      for (const { clipping } of unfinished) clipping.run();
    } finally {
      for (const { blockSlot, moments } of this.#states) {
        for (const x of [blockSlot, ...moments]) x.dispose();
      }
      for (const x of [this.#table, this.#unit, this.#scale]) x.dispose();
    }
  }

  /** The kernel of the rule. */
  protected abstract readonly kernel: Kernel;

  /** Throws if a group's settings cannot be meant. */
  protected abstract checkSettings(group: Settings): void;

  /**
   * The up to seven numbers that the kernel needs of a parameter.
   *
   * @param group The settings of its group.
   * @param steps How many steps have changed it, this one included.
   * @param parameter The parameter.
   */
  protected abstract groupFields(
    group: Settings,
    steps: number,
    parameter: Parameter,
  ): readonly number[];

  /** Decides for every parameter what is done to it, and writes the table. */
  #prepare(keepGradients: boolean): void {
    this.#steps++;
    const table = new Float32Array(this.#slots.length * SLOT_FIELDS);
    this.#slots.forEach((slot, i) => {
      const { parameter, group } = slot;
      if (!parameter.hasGradient) return;
      if (!keepGradients) parameter.endGradient();
      const at = i * SLOT_FIELDS;
      if (!parameter.requiresGrad) {
        table[at + ACTION_FIELD] = ACTIONS.clear;
        return;
      }
      table.set(this.groupFields(group, ++slot.steps, parameter), at);
      table[at + ACTION_FIELD] = ACTIONS.step;
      touch(parameter);
    });
    // A captured step writes what its recording wrote, so it always writes.
    const isWritten = !isCapturing() && sameNumbers(table, this.#written);
    if (!isWritten) this.#table.write(table);
    this.#written = table;
  }
}

const STEP_OPTIONS = { action: "make a step", known: ["keepGradients"] };

/** The settings that are there: a default stands where one is `undefined`. */
export function present<T extends object>(settings: T): T {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as T;
}

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/**
 * Limits the norm of all gradients together: those that the optimizer's
 * parameters have now are multiplied by `min(1, maxNorm / (norm + 1e-6))`.
 * Nothing is read back, and where the optimizer's step comes next, it multiplies
 * along the way. Gradients that `backward` adds later are not affected.
 *
 * As in PyTorch, an infinite norm makes every gradient 0 or NaN, and a norm that
 * is no number makes them NaN (those that are exactly 0 stay so here): read the
 * norm to notice.
 *
 * @returns The norm before clipping, a scalar on the GPU.
 * @throws {RangeError} If `maxNorm` is not positive.
 */
export function clipGradNorm(
  optimizer: Pick<Optimizer, "clip">,
  maxNorm: number,
): Tensor {
  return optimizer.clip(maxNorm);
}

/** Throws unless every setting is a number of at least 0. */
export function requireNonNegative(
  settings: Readonly<Record<string, number>>,
): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!(value >= 0)) {
      throw new RangeError(
        `Cannot optimise with ${name} ${value}: it must not be negative`,
      );
    }
  }
}
