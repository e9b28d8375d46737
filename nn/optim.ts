// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The part that all optimizers share. The file exceeds 400 lines because of the
// documentation of its one class.

import {
  allocate,
  dependsOn,
  fillInto,
  isCapturing,
  type Kernel,
  onReplay,
  persist,
  touch,
} from "../engine/kernel_kit.ts";
import type { Tensor } from "../engine/mod.ts";
import {
  completeGroups,
  type ParameterGroup,
  requireNonNegative,
  type Slots,
  slotsOf,
} from "./optim_groups.ts";
import { ACTION_FIELD, PULL_FIELD, SLOT_FIELDS } from "./optim_kernels.ts";
import type { GradientProjection } from "./optim_projection.ts";
import type { WeightPull } from "./optim_pull.ts";
import {
  findDiverged,
  launchOver,
  layOut,
  measureClip,
  parameterOf,
  type SegmentState,
} from "./optim_segments.ts";
import {
  checkState,
  type OptimizerState,
  readParameters,
  settingsOf,
  writeParameters,
} from "./optim_state.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";
import { segmentsOf } from "./segment.ts";
import type { WeightCheck } from "./weight_check.ts";

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

/**
 * The base class of all optimizers: parameter groups, step counts, and one
 * dispatch per segment. A new rule is a kernel and two short methods.
 *
 * As in PyTorch, each step decides which parameters it changes: those that have
 * received a gradient since the last step or `zeroGrad`, even if it is all
 * zeros. A parameter that is frozen, or that the loss did not use, is left
 * alone: no decay, no change of its moments or its step count. Parameters may
 * be frozen and unfrozen at any time, also between replays of a captured step.
 * Several optimizers may share a model. Each of them leaves alone the gradients
 * of parameters that it was not given.
 *
 * @example What all optimizers can do
 * ```ts
 * import { backward, initialize, sum } from "@swagpu/swagpu/engine";
 * import { init, type Optimizer, Parameter, SGD } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([1], init.ones());
 * const optimizer: Optimizer = new SGD([x], { learningRate: 0.5 });
 * backward(sum(x));
 * optimizer.step();
 * assertEquals(await x.item(), 0.5);
 * assertEquals(optimizer.steps, 1);
 * ```
 */
export abstract class Optimizer<
  Settings extends { learningRate: number } = { learningRate: number },
> {
  /** The groups with their settings, which may be changed between steps. */
  readonly groups: readonly (Settings & { readonly parameters: Parameter[] })[];
  #steps = 0;
  readonly #slots: Slots<Settings>;
  readonly #states: readonly SegmentState[];
  readonly #table: Tensor;
  /** The content of the table, so that equal values are not written again. */
  #written = new Float32Array();
  readonly #unit: Tensor;
  readonly #scale: Tensor;
  #pull: WeightPull | undefined;
  #projection: GradientProjection | undefined;

  /**
   * Gives the parameters their places in the flat vector and allocates the
   * moments.
   *
   * @param parameters Parameters, or groups of them with settings.
   * @param defaults The settings that a group lacks.
   * @param moments The number of buffers to keep per segment.
   * @throws {TypeError} If there is no parameter, one is in two groups, or a
   * setting has a name that is not known.
   */
  constructor(
    parameters: Iterable<Parameter> | readonly ParameterGroup<Settings>[],
    defaults: Settings,
    moments: number,
  ) {
    this.groups = completeGroups(parameters, defaults);
    for (const group of this.groups) this.checkSettings(group);
    this.#slots = slotsOf<Settings>(this.groups);
    const all = this.#slots.map(({ parameter }) => parameter);
    this.#states = segmentsOf(all).map((segment) =>
      layOut(segment, all, { moments, scale: () => this.#scale })
    );
    for (const { segment } of this.#states) {
      segment.holders.set(this, this.constructor.name);
    }
    const { device } = this.#slots[0].parameter;
    this.#table = persist(allocate(device, [all.length * SLOT_FIELDS]));
    this.#unit = persist(allocate(device, [1]));
    this.#scale = persist(allocate(device, [1]));
    fillInto(this.#unit, 1);
  }

  /**
   * The learning rate of the first group. Setting it sets that of all groups.
   */
  get learningRate(): number {
    return this.groups[0]?.learningRate ?? 0;
  }

  set learningRate(value: number) {
    requireNonNegative({ learningRate: value });
    for (const group of this.groups) group.learningRate = value;
  }

  /**
   * The number of steps made. Setting it, for example to continue a run, sets
   * the count of every parameter too.
   */
  get steps(): number {
    return this.#steps;
  }

  set steps(value: number) {
    this.#steps = value;
    for (const slot of this.#slots) slot.steps = value;
  }

  /**
   * The number of steps that have changed each parameter, in the order of the
   * groups: PyTorch's `state["step"]`. It is less than {@linkcode steps} if the
   * parameter was frozen or unused for a while.
   */
  get parameterSteps(): ReadonlyMap<Parameter, number> {
    return new Map(this.#slots.map((slot) => [slot.parameter, slot.steps]));
  }

  /**
   * What moves weights just before each step, in the place of their decay;
   * `PriorDecay` sets it.
   */
  get pull(): WeightPull | undefined {
    return this.#pull;
  }

  set pull(pull: WeightPull | undefined) {
    this.#pull = pull;
  }

  /**
   * What changes the gradients just before each step; `TWACallback` sets it.
   */
  get projection(): GradientProjection | undefined {
    return this.#projection;
  }

  set projection(projection: GradientProjection | undefined) {
    this.#projection = projection;
  }

  /**
   * Updates every parameter that has a gradient and is not frozen: one dispatch
   * per segment.
   */
  step(options: StepOptions = {}): void {
    checkOptions(options, STEP_OPTIONS);
    const { keepGradients = false } = options;
    const projection = this.#projection;
    dependsOn(() => this.#projection === projection);
    projection?.project(this.#states.map(({ segment }) => segment));
    // A clip multiplies gradients in the step's own kernel, which does not
    // write them back. Gradients that are kept are multiplied before.
    if (keepGradients) {
      for (const { segment } of this.#states) segment.settle();
    }
    const scales = this.#states.map(({ segment, clipping }) =>
      segment.takeDeferred(clipping) ? this.#scale : this.#unit
    );
    onReplay(() => this.#prepare(keepGradients));
    const pull = this.#pull;
    dependsOn(() => this.#pull === pull);
    for (const { segment, blockSlot } of pull ? this.#states : []) {
      pull?.move(segment, { blockSlot, table: this.#table });
    }
    this.#states.forEach(({ segment, blockSlot, moments }, i) => {
      launchOver(segment, this.kernel, {
        buffers: [
          segment.values,
          segment.unsettledGradients,
          ...moments,
          ...this.scratch(i),
        ],
        whole: [blockSlot, this.#table, scales[i] ?? this.#unit],
        params: () => ({ keep: keepGradients ? 1 : 0 }),
      });
    });
  }

  /**
   * Adds the gradients of a step. Most rules call `add` once, with the weights as
   * they are; `IVON` calls it with one sample of the weights after the other. `train`
   * and `Trainer` add gradients in this call, before they call {@linkcode clip} and
   * {@linkcode step}.
   *
   * @param add Runs forward and backward on all batches of the step. Its argument is
   * the share of the step's loss that this call computes.
   */
  accumulate(add: (share: number) => void): void {
    add(1);
  }

  /**
   * Sets the gradients of the optimizer's parameters to zero, so that no
   * parameter has a gradient. {@linkcode step} has done so already, unless it
   * was called with `keepGradients`.
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
   * Multiplies the gradients so that their norm is at most `maxNorm`; see
   * {@linkcode clipGradNorm}.
   *
   * @param maxNorm The largest norm, above 0.
   * @returns The norm before clipping, a scalar on the GPU.
   * @throws {RangeError} If `maxNorm` is not positive.
   */
  clip(maxNorm: number): Tensor {
    if (!(maxNorm > 0)) {
      throw new RangeError(
        `Cannot clip to norm ${maxNorm}: it must be positive`,
      );
    }
    return measureClip(this.#states, this.#scale, maxNorm);
  }

  /**
   * Searches the segments for weights that are not finite, or whose squares
   * exceed 32-bit floats. {@linkcode parameterOf} gives the parameter of a
   * block found.
   *
   * @param check Receives the answer.
   */
  findDiverged(check: WeightCheck): void {
    findDiverged(this.#states, check);
  }

  /** The parameter of a block that {@linkcode findDiverged} has found. */
  parameterOf(block: number): Parameter | undefined {
    return parameterOf(this.#states, block);
  }

  /** The size of what the optimizer keeps on the GPU, in bytes. */
  get bytes(): number {
    return this.#states.reduce(
      (n, { blockSlot, moments }) =>
        moments.reduce((m, x) => m + x.bytes, n + blockSlot.bytes),
      this.#table.bytes,
    );
  }

  /** The moments of each segment: parallel buffers of the segment. */
  get moments(): readonly (readonly Tensor[])[] {
    return this.#states.map(({ moments }) => moments);
  }

  /**
   * Reads what is needed to continue a run: counts, settings and moments, with
   * one wait. The weights, the generator and the scheduler have to be saved
   * too.
   *
   * @returns A copy of the state.
   *
   * @example A new optimizer continues a run
   * ```ts
   * import { backward, initialize, mul, sum } from "@swagpu/swagpu/engine";
   * import { AdamW, init, Parameter } from "@swagpu/swagpu/nn";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const x = new Parameter([2], init.ones());
   * const before = new AdamW([x], { learningRate: 0.1 });
   * backward(sum(mul(x, x)));
   * before.step();
   * const after = new AdamW([x]);
   * after.loadStateDict(await before.stateDict());
   * assertEquals([after.steps, after.learningRate], [1, 0.1]);
   * ```
   */
  async stateDict(): Promise<OptimizerState<Settings>> {
    const slots = this.#slots;
    const state = {
      steps: this.#steps,
      groups: settingsOf<Settings>(this.groups),
    };
    const parameters = await readParameters({ slots, states: this.#states });
    return { ...state, parameters };
  }

  /**
   * Continues from a state that {@linkcode stateDict} has read: overwrites
   * settings, counts and moments, and leaves gradients as they are.
   *
   * @param state The state of an optimizer with the same rule, groups and
   * parameters.
   * @throws {TypeError} If the state has other groups, parameters, sizes or
   * moments; nothing is changed then.
   * @throws {RangeError} If a setting or a count is out of range.
   */
  loadStateDict(state: OptimizerState<Settings>): void {
    const parts = {
      groups: this.groups,
      slots: this.#slots,
      states: this.#states,
    };
    checkState<Settings>(
      state,
      parts,
      (settings) => this.checkSettings(settings),
    );
    this.groups.forEach((group, i) => Object.assign(group, state.groups[i]));
    this.#steps = state.steps;
    writeParameters(parts, state.parameters);
  }

  /** Frees what the optimizer keeps on the GPU. */
  dispose(): void {
    const unfinished = this.#states.filter(({ segment, clipping }) =>
      !segment.values.isDisposed && segment.takeDeferred(clipping)
    );
    try {
      for (const { clipping } of unfinished) clipping.run();
    } finally {
      for (const { segment, blockSlot, moments } of this.#states) {
        segment.holders.delete(this);
        for (const x of [blockSlot, ...moments]) x.dispose();
      }
      for (const x of [this.#table, this.#unit, this.#scale]) x.dispose();
    }
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The kernel of the rule. */
  protected abstract readonly kernel: Kernel;

  /**
   * Buffers of a segment that the kernel binds after the moments, and that need not
   * be kept from step to step.
   *
   * @param _segment The number of the segment.
   * @returns Parallel buffers of the segment, none by default.
   */
  protected scratch(_segment: number): readonly Tensor[] {
    return [];
  }

  /** Throws if the settings of a group are out of range. */
  protected abstract checkSettings(group: Settings): void;

  /**
   * The numbers that the kernel needs for a parameter, at most six.
   *
   * @param group The settings of the parameter's group.
   * @param steps The number of steps that have changed it, including this one.
   * @param parameter The parameter.
   * @returns The numbers, in the order in which the kernel reads them.
   */
  protected abstract groupFields(
    group: Settings,
    steps: number,
    parameter: Parameter,
  ): readonly number[];

  /** Decides what the step does to each parameter, and writes the table. */
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
      const share = this.#pull?.shareOf(parameter, group);
      const settings = share === undefined
        ? group
        : { ...group, weightDecay: 0 };
      const fields = this.groupFields(settings, ++slot.steps, parameter);
      table.set(fields, at);
      if (share !== undefined) table[at + PULL_FIELD] = share;
      table[at + ACTION_FIELD] = ACTIONS.step;
      touch(parameter);
    });
    // A replay uploads what the recording uploaded, so a recording always
    // uploads.
    const isWritten = !isCapturing() && sameNumbers(table, this.#written);
    if (!isWritten) this.#table.write(table);
    this.#written = table;
  }
}

const STEP_OPTIONS = { action: "make a step", known: ["keepGradients"] };

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/**
 * Limits the norm of all gradients together: multiplies the gradients of the
 * optimizer's parameters by `min(1, maxNorm / (norm + 1e-6))`. Nothing is read
 * back, and if the optimizer's step comes next, its kernel does the
 * multiplication. Gradients that `backward` adds later are not affected.
 *
 * As in PyTorch, an infinite norm makes every gradient 0 or NaN, and a norm of
 * NaN makes them NaN, except that gradients of exactly 0 stay 0 here. Read the
 * norm to notice.
 *
 * @param optimizer The optimizer of the parameters.
 * @param maxNorm The largest norm, above 0.
 * @returns The norm before clipping, a scalar on the GPU.
 * @throws {RangeError} If `maxNorm` is not positive.
 *
 * @example A gradient of 2 becomes 1
 * ```ts
 * import { backward, initialize, mul, sum } from "@swagpu/swagpu/engine";
 * import { clipGradNorm, init, Parameter, SGD } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([1], init.ones());
 * const optimizer = new SGD([x], { learningRate: 1 });
 * backward(sum(mul(x, x)));
 * const norm = clipGradNorm(optimizer, 1);
 * optimizer.step();
 * assertAlmostEquals(await norm.item(), 2);
 * assertAlmostEquals(await x.item(), 0, 1e-5);
 * ```
 */
export function clipGradNorm(
  optimizer: Pick<Optimizer, "clip">,
  maxNorm: number,
): Tensor {
  return optimizer.clip(maxNorm);
}
