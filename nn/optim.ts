// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  allocate,
  assume,
  grid,
  type Kernel,
  launch,
  Live,
  part,
  perform,
  persist,
  specialize,
  type Tensor,
  tensor,
  windows,
} from "../engine/mod.ts";
import { observer } from "../engine/observer.ts";
import { fillInto } from "../engine/ops/inplace.ts";
import {
  clipScale,
  GROUP_FIELDS,
  NO_GROUP,
  squares,
  WORKGROUP,
} from "./optim_kernels.ts";
import { Parameter } from "./parameter.ts";
import { ALIGNMENT, placeSize, type Segment, segmentsOf } from "./segment.ts";

/** Parameters that share settings, as given to an optimiser. */
export type ParameterGroup<Settings> =
  & { parameters: Iterable<Parameter> }
  & Partial<Settings>;

/** What an optimiser keeps for one segment. */
interface SegmentState {
  readonly segment: Segment;
  /** The group of every 64 elements. */
  readonly blockGroup: Tensor;
  /** Moments: parallel buffers of the segment. */
  readonly moments: readonly Tensor[];
}

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
 * What all optimisers share: parameter groups, the step count, and one
 * dispatch per segment. A new rule is a kernel and two short methods.
 */
export abstract class Optimizer<
  Settings extends { learningRate: number } = { learningRate: number },
> {
  /** The groups with their settings, which may be changed between steps. */
  readonly groups: readonly (Settings & { readonly parameters: Parameter[] })[];
  /** Steps made so far. */
  steps = 0;
  readonly #states: readonly SegmentState[];
  readonly #table: Tensor;
  readonly #unit: Tensor;
  readonly #scale: Tensor;
  /** Whether the next step multiplies gradients by the scale. */
  #isClipped = false;
  /** The captured step, if any, that noted the last `clip`. */
  #clippedIn: number | undefined;

  /**
   * Takes places in the flat vector and allocates the moments.
   *
   * @param parameters Parameters, or groups of them with settings of their own.
   * @param defaults Settings where a group has none.
   * @param moments Buffers kept per segment.
   * @throws {TypeError} If there is no parameter, or one is in two groups.
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
    this.groups = [
      ...(loose.length > 0 ? [{ ...defaults, parameters: loose }] : []),
      ...grouped.map((group) => ({
        ...defaults,
        ...group,
        parameters: [...group.parameters],
      })),
    ];
    for (const group of this.groups) this.checkSettings(group);
    const all = this.groups.flatMap((group) => group.parameters);
    const [first] = all;
    if (!first) {
      throw new TypeError("Cannot optimise: there are no parameters");
    }
    if (new Set(all).size !== all.length) {
      throw new TypeError(
        "Cannot optimise a parameter twice: it is in two groups, or repeated",
      );
    }
    this.#states = segmentsOf(all).map((segment) => ({
      segment,
      blockGroup: this.#blockGroups(segment),
      moments: Array.from({ length: moments }, () => segment.parallel()),
    }));
    const { device } = first;
    this.#table = persist(
      allocate(device, [this.groups.length * GROUP_FIELDS]),
    );
    this.#unit = persist(allocate(device, [1]));
    this.#scale = persist(allocate(device, [1]));
    fillInto(this.#unit, 1);
  }

  /** The learning rate of the first group; setting it sets all groups'. */
  get learningRate(): number {
    return this.groups[0]?.learningRate ?? 0;
  }

  set learningRate(value: number) {
    for (const group of this.groups) group.learningRate = value;
  }

  /** Updates every parameter from its gradient: one dispatch per segment. */
  step(options: StepOptions = {}): void {
    const { keepGradients = false } = options;
    const clipped = this.#isClipped;
    if (this.#clippedIn !== observer()?.id) {
      assume(() => this.#isClipped === clipped);
    }
    const scale = clipped ? this.#scale : this.#unit;
    const initial = new Live();
    perform(() => {
      this.steps++;
      initial.value = this.steps === 1 ? 1 : 0;
      this.#isClipped = false;
      this.#writeTable();
    });
    const per = this.#table.device.isSoftware ? 16 : 1;
    const kernel = specialize(this.kernel, { PER: per });
    for (const { segment, blockGroup, moments } of this.#states) {
      const { device, values, gradients, length } = segment;
      for (const window of windows(device, length, [1])) {
        const vectors = window.count / 4;
        launch(device, kernel, {
          bind: [
            ...[values, gradients, ...moments].map((x) => part(x, window, 1)),
            blockGroup,
            this.#table,
            scale,
          ],
          params: {
            vectors,
            first: window.start / 4,
            keep: keepGradients ? 1 : 0,
            initial,
          },
          groups: grid(Math.ceil(vectors / per), WORKGROUP),
        });
      }
    }
    this.#clippedIn = undefined;
  }

  /** Sets all gradients to zero; {@linkcode step} has done so already. */
  zeroGrad(): void {
    for (const { segment } of this.#states) segment.zeroGradients();
  }

  /**
   * Makes the next step multiply gradients so that their norm is at most
   * `maxNorm`; see {@linkcode clipGradNorm}.
   */
  clip(maxNorm: number): Tensor {
    const device = this.#table.device;
    const run = 16;
    const jobs = this.#states.flatMap(({ segment, blockGroup }) =>
      windows(device, segment.length, [1]).map((window) => {
        const vectors = window.count / 4;
        const count = Math.ceil(vectors / (run * 16));
        return { segment, blockGroup, window, vectors, count };
      })
    );
    const total = jobs.reduce((n, job) => n + job.count, 0);
    const partial = allocate(device, [total]);
    let at = 0;
    for (const { segment, blockGroup, window, vectors, count } of jobs) {
      launch(device, squares, {
        bind: [part(segment.gradients, window, 1), blockGroup, partial],
        params: { vectors, first: window.start / 4, at, run },
        groups: [Math.ceil(count / WORKGROUP)],
      });
      at += count;
    }
    const norm = allocate(device, []);
    perform(() => void (this.#isClipped = true));
    this.#clippedIn = observer()?.id;
    launch(device, clipScale, {
      bind: [partial, norm, this.#scale],
      params: { count: total, max: maxNorm },
      groups: [1],
    });
    partial.dispose();
    return norm;
  }

  /** Bytes on the GPU that the optimiser keeps besides the parameters. */
  get bytes(): number {
    return this.#states.reduce(
      (n, { blockGroup, moments }) =>
        moments.reduce((m, x) => m + x.bytes, n + blockGroup.bytes),
      this.#table.bytes,
    );
  }

  /** The kept buffers by segment, for checkpoints of a run. */
  get moments(): readonly (readonly Tensor[])[] {
    return this.#states.map(({ moments }) => moments);
  }

  /** Frees what the optimiser keeps on the GPU. */
  dispose(): void {
    for (const { blockGroup, moments } of this.#states) {
      blockGroup.dispose();
      for (const x of moments) x.dispose();
    }
    this.#table.dispose();
    this.#unit.dispose();
    this.#scale.dispose();
  }

  /** The kernel of the rule. */
  protected abstract readonly kernel: Kernel;

  /** Throws if a group's settings cannot be meant. */
  protected abstract checkSettings(group: Settings): void;

  /** The up to eight numbers that the kernel needs of a group at this step. */
  protected abstract groupFields(group: Settings): number[];

  /** The settings of all groups as the kernel of this step needs them. */
  #writeTable(): void {
    const table = new Float32Array(this.groups.length * GROUP_FIELDS);
    this.groups.forEach((group, i) => {
      table.set(this.groupFields(group), i * GROUP_FIELDS);
    });
    this.#table.write(table);
  }

  #blockGroups(segment: Segment): Tensor {
    const table = new Uint32Array(segment.length / ALIGNMENT).fill(NO_GROUP);
    this.groups.forEach(({ parameters }, group) => {
      for (const { location, size, requiresGrad } of parameters) {
        if (location?.segment !== segment || !requiresGrad) continue;
        const start = location.offset / ALIGNMENT;
        table.fill(group, start, start + placeSize(size) / ALIGNMENT);
      }
    });
    return persist(tensor(table, { device: segment.device }));
  }
}

/**
 * Limits the norm of all gradients together: the optimiser's next step
 * multiplies them by `min(1, maxNorm / (norm + 1e-6))`. Nothing is read back,
 * and the gradients themselves are not rewritten.
 *
 * @returns The norm before clipping, a scalar on the GPU.
 * @throws {RangeError} If `maxNorm` is not positive.
 */
export function clipGradNorm(
  optimizer: Pick<Optimizer, "clip">,
  maxNorm: number,
): Tensor {
  if (!(maxNorm > 0)) {
    throw new RangeError(`Cannot clip to norm ${maxNorm}: it must be positive`);
  }
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
