// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The samples of IVON: weights are moved away from their mean, and back.

import {
  dependsOn,
  fillRandom,
  onReplay,
  persist,
  type RandomStream,
  touch,
} from "../engine/kernel_kit.ts";
import { type Tensor, tensor } from "../engine/mod.ts";
import {
  gatherSample,
  MODES,
  restoreWeights,
  ROW_WORDS,
  sampleWeights,
  setAside,
  startHessian,
} from "./ivon_kernels.ts";
import {
  blockSlots,
  launchOver,
  type SegmentLaunch,
  type SegmentState,
} from "./optim_segments.ts";
import type { Parameter } from "./parameter.ts";
import { type Segment, segmentsOf } from "./segment.ts";

/** The settings of a group that its samples depend on. */
interface SampleSettings {
  readonly parameters: readonly Parameter[];
  readonly ess: number;
  readonly hessInit: number;
  readonly weightDecay: number;
  readonly hessApprox: "price" | "gradsq";
}

/** The random numbers of a sample: drawn from a stream, or given. */
export type SampleNoise =
  | RandomStream
  | ReadonlyMap<Parameter, ArrayLike<number>>;

let made = 0;

/** Samples of the weights of an optimizer, and what is computed with them. */
export class IvonSamples {
  /** How many samples have been gathered since the last step. */
  count = 0;
  /** Whether the parameters hold a sample instead of their mean. */
  isHeld = false;
  readonly #groups: readonly SampleSettings[];
  readonly #parameters: readonly Parameter[];
  readonly #states: readonly Pick<SegmentState, "segment" | "blockSlot">[];
  /** The diagonal of the Hessian in each segment. */
  readonly #hessians: readonly Tensor[];
  /** The means, while the parameters hold a sample. */
  readonly #kept = new Map<Segment, Tensor>();
  readonly #estimates = new Map<Segment, Tensor>();
  /** The mean gradients of the step's samples so far, if it has several. */
  readonly #others = new Map<Segment, Tensor>();
  readonly #rows: Tensor<"u32">;
  readonly #name = `samples of IVON ${made++}`;

  /**
   * Fills in the first Hessian.
   *
   * @param groups The groups of the optimizer.
   * @param hessians The moment of each segment that holds the Hessian.
   */
  constructor(
    groups: readonly SampleSettings[],
    hessians: readonly Tensor[],
  ) {
    this.#groups = groups;
    this.#hessians = hessians;
    this.#parameters = groups.flatMap(({ parameters }) => parameters);
    this.#states = segmentsOf(this.#parameters).map((segment) => ({
      segment,
      blockSlot: blockSlots(segment, this.#parameters),
    }));
    // Frozen parameters, too: they may be trained later.
    const words = this.#words(({ hessInit }) => [hessInit, 0], () => true);
    const device = this.#states[0]?.segment.device;
    this.#rows = persist(tensor(words, device ? { device } : {}));
    this.#launch(startHessian, (_, i) => [this.#hessian(i)]);
  }

  /** The size of the buffers in bytes. */
  get bytes(): number {
    const maps = [this.#kept, this.#estimates, this.#others];
    const tensors = [
      this.#rows,
      ...this.#states.map(({ blockSlot }) => blockSlot),
      ...maps.flatMap((buffers) => [...buffers.values()]),
    ];
    return tensors.reduce((n, { bytes }) => n + bytes, 0);
  }

  /** The estimate of the Hessian in a segment. */
  estimate(segment: number): Tensor {
    return buffer(this.#estimates, this.#segment(segment));
  }

  /**
   * Moves the weights of all parameters that are not frozen to a sample, and keeps
   * their mean.
   *
   * @param noise The numbers, of standard deviation 1, that the sample is made of.
   */
  draw(noise: SampleNoise): void {
    this.restore();
    onReplay(() => {
      const words = this.#words(({ ess, weightDecay }) => [ess, weightDecay]);
      this.#rows.write(words);
      this.isHeld = true;
      this.#touch();
    });
    let offset = 0;
    for (const { segment } of this.#states) {
      const kept = buffer(this.#kept, segment);
      if ("key" in noise) {
        fillRandom(kept, "normal", noise, { a: 0, b: 1, offset });
      } else this.#give(noise, segment, kept);
      offset += segment.length;
    }
    this.#launch(
      sampleWeights,
      (segment, i) => [
        ...[segment.values, buffer(this.#kept, segment), this.#hessian(i)],
      ],
    );
  }

  /** Prepares the backward pass of the sample that has been drawn. */
  begin(): void {
    const { count } = this;
    dependsOn(() => this.count === count, this.#name);
    if (count === 0) return;
    this.#launch(
      setAside,
      (segment) => [segment.gradients, buffer(this.#others, segment)],
    );
  }

  /**
   * Adds the gradients at the sample to the step, and restores the mean of the
   * weights. The gradients are then the means over all samples of the step.
   */
  gather(): void {
    const number = this.count + 1;
    const { count } = this;
    dependsOn(() => this.count === count, this.#name);
    this.#launch(gatherSample, (segment, i) => {
      const kept = buffer(this.#kept, segment);
      return [
        ...[segment.values, segment.gradients, this.estimate(i), kept],
        this.#hessian(i),
        // The first sample has no others; something must be bound.
        number > 1 ? buffer(this.#others, segment) : kept,
      ];
    }, { count: number });
    onReplay(() => {
      this.count++;
      this.isHeld = false;
      this.#touch();
    });
  }

  /** Begins the next step, which has no samples yet. */
  forget(): void {
    onReplay(() => void (this.count = 0));
  }

  /** Restores the mean of the weights, if the parameters hold a sample. */
  restore(): void {
    const { isHeld } = this;
    dependsOn(() => this.isHeld === isHeld, `${this.#name}, held`);
    if (!isHeld) return;
    this.#launch(
      restoreWeights,
      (segment) => [segment.values, buffer(this.#kept, segment)],
    );
    onReplay(() => {
      this.isHeld = false;
      this.#touch();
    });
  }

  /** Frees all buffers. */
  dispose(): void {
    for (const buffers of [this.#kept, this.#estimates, this.#others]) {
      for (const x of buffers.values()) x.dispose();
      buffers.clear();
    }
    for (const { blockSlot } of this.#states) blockSlot.dispose();
    this.#rows.dispose();
  }

  /** Uploads given numbers to where the kernel reads them. */
  #give(
    noise: ReadonlyMap<Parameter, ArrayLike<number>>,
    segment: Segment,
    kept: Tensor,
  ): void {
    const values = new Float32Array(segment.length);
    for (const parameter of this.#parameters) {
      const { location } = parameter;
      if (location?.segment !== segment) continue;
      values.set(noise.get(parameter) ?? [], location.offset);
    }
    kept.write(values);
  }

  /** The row of each parameter: what kernels need to know of it. */
  #words(
    numbersOf: (group: SampleSettings) => readonly [number, number],
    isUsed = ({ requiresGrad }: Parameter) => requiresGrad,
  ): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(this.#parameters.length * ROW_WORDS);
    const floats = new Float32Array(words.buffer);
    let at = 0;
    for (const group of this.#groups) {
      for (const parameter of group.parameters) {
        const { location, size } = parameter;
        words[at] = (location?.offset ?? 0) + size;
        floats.set(numbersOf(group), at + 1);
        words[at + 3] = isUsed(parameter)
          ? MODES[group.hessApprox]
          : MODES.nothing;
        at += ROW_WORDS;
      }
    }
    return words;
  }

  #touch(): void {
    for (const parameter of this.#parameters) {
      if (parameter.requiresGrad) touch(parameter);
    }
  }

  #segment(index: number): Segment {
    return this.#states[index]?.segment as Segment;
  }

  #hessian(index: number): Tensor {
    return this.#hessians[index] as Tensor;
  }

  #launch(
    kernel: Parameters<typeof launchOver>[1],
    buffersOf: (segment: Segment, index: number) => SegmentLaunch["buffers"],
    params: Readonly<Record<string, number>> = {},
  ): void {
    this.#states.forEach(({ segment, blockSlot }, i) =>
      launchOver(segment, kernel, {
        buffers: buffersOf(segment, i),
        whole: [blockSlot, this.#rows],
        params: () => params,
      })
    );
  }
}

/** The buffer of a segment, which is made at first use. */
function buffer(buffers: Map<Segment, Tensor>, segment: Segment): Tensor {
  let found = buffers.get(segment);
  if (!found) buffers.set(segment, found = segment.parallel());
  return found;
}
