// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Trains the quickstart's model and collects its posterior: AdamW finds a solution,
 * then SGD with a constant learning rate moves around it, and SWAG collects the weights
 * after each of its passes. A run may be stopped between any two steps and continued
 * later, also elsewhere, from its {@linkcode MemberState}.
 *
 * @module
 */

import { indexSelect, type IntegerTensor } from "../../engine/mod.ts";
import type { BertForSequenceClassification } from "../../models/mod.ts";
import {
  AdamW,
  batches,
  type HostTensor,
  type Optimizer,
  type OptimizerState,
  type ResumePoint,
  SGD,
  train,
  type TrainReport,
} from "../../nn/mod.ts";
import { SwagModel, type SwagState } from "../../swag/mod.ts";
import type { Encoded } from "./small_bert.ts";

const BATCH = 32;
/** The passes over the data of each optimizer. */
const EPOCHS = { adamw: 4, sgd: 14 };
/** The passes of SGD after which nothing is collected yet. */
const SETTLING = 2;

/** How long a run is. */
export interface MemberLength {
  /** The passes over the data. */
  readonly epochs: number;
  /** The steps. */
  readonly steps: number;
  /** The first step of SGD. */
  readonly turn: number;
}

/**
 * Counts the steps of a run.
 *
 * @param examples The number of texts.
 * @returns How long it is.
 */
export function memberLength(examples: number): MemberLength {
  const perEpoch = Math.ceil(examples / BATCH);
  const epochs = EPOCHS.adamw + EPOCHS.sgd;
  return {
    epochs,
    steps: epochs * perEpoch,
    turn: EPOCHS.adamw * perEpoch,
  };
}

/** What a member is trained on. */
export interface MemberOptions {
  /** The model to train. */
  readonly member: BertForSequenceClassification;
  /** The model that the posterior is over; it may be `member` itself. */
  readonly base: BertForSequenceClassification;
  /** The texts. */
  readonly texts: Encoded;
  /** Their labels. */
  readonly labels: IntegerTensor;
  /** Decides the order of the batches. */
  readonly seed: number;
}

/** How far a member is, counted over both optimizers. */
export interface MemberReport {
  /** The passes over the data that are done, or the one it is in, from 1. */
  readonly epoch: number;
  /** The steps since the start. */
  readonly step: number;
  /** The mean loss of the steps that the report covers. */
  readonly loss: number;
  /** The loss of each of these steps. */
  readonly losses: Float32Array<ArrayBuffer>;
  /** The learning rate of the last of them. */
  readonly learningRate: number;
}

/** Options of {@linkcode Member.train}. */
export interface MemberTraining {
  /** Called when losses have been read. @default {nothing} */
  onLog?: ((report: MemberReport) => void | Promise<void>) | undefined;
  /**
   * Called after each pass over the data, with whether its weights were collected.
   *
   * @default {nothing}
   */
  onEpoch?:
    | ((report: MemberReport, isCollected: boolean) => void | Promise<void>)
    | undefined;
  /** Stops the run between two steps. @default {none} */
  signal?: AbortSignal | undefined;
}

/** All that a member needs to continue, as plain objects and typed arrays. */
export interface MemberState {
  /** Which optimizer is at work. */
  readonly phase: "adamw" | "sgd";
  /** Where the optimizer is; absent at its start. */
  readonly point: ResumePoint | undefined;
  /** What the optimizer keeps; absent at its start. */
  readonly optimizer: OptimizerState<{ learningRate: number }> | undefined;
  /** The model's weights by name. */
  readonly weights: ReadonlyMap<string, HostTensor>;
  /** The posterior. */
  readonly posterior: SwagState;
}

/** A model in training, with its posterior. */
export class Member implements Disposable {
  /** The posterior, which the caller frees. */
  readonly posterior: SwagModel;
  readonly #options: MemberOptions;
  #phase: MemberState["phase"] = "adamw";
  #point: ResumePoint | undefined;
  #optimizer: Optimizer | undefined;

  /**
   * Prepares the training of a model.
   *
   * @param options The model and its data.
   */
  constructor(options: MemberOptions) {
    this.#options = options;
    this.posterior = SwagModel.fromBase(options.base, {
      noCovMat: false,
      maxNumModels: 20,
    });
  }

  /**
   * Trains to the end, or until it is stopped.
   *
   * @param training What is told on the way, and what stops it.
   * @returns Whether it came to the end.
   */
  async train(training: MemberTraining = {}): Promise<boolean> {
    if (this.#phase === "adamw") {
      if (!await this.#run(training)) return false;
      this.#begin("sgd");
    }
    return await this.#run(training);
  }

  /**
   * Reads all that is needed to continue the run.
   *
   * @returns A copy of the state.
   */
  async state(): Promise<MemberState> {
    const weights = new Map<string, HostTensor>();
    for (const [name, tensor] of this.#options.member.namedTensors()) {
      weights.set(name, {
        shape: [...tensor.shape],
        data: await tensor.data(),
      });
    }
    return {
      phase: this.#phase,
      point: this.#point,
      optimizer: this.#point && await this.#optimizer?.stateDict(),
      weights,
      posterior: await this.posterior.stateDict(),
    };
  }

  /**
   * Continues from a state.
   *
   * @param state What {@linkcode state} has read, of a run on the same data.
   */
  async load(state: MemberState): Promise<void> {
    const { member } = this.#options;
    await member.loadStateDict(state.weights);
    this.posterior.loadStateDict(state.posterior);
    this.#begin(state.phase);
    this.#point = state.point;
    if (state.optimizer) {
      this.#optimizer = optimizerOf(state.phase, member);
      this.#optimizer.loadStateDict(state.optimizer);
    }
  }

  /** Frees what training has needed. Model and posterior stay. */
  dispose(): void {
    this.#optimizer?.dispose();
    this.#optimizer = undefined;
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Goes to an optimizer, which is made when it is needed. */
  #begin(phase: MemberState["phase"]): void {
    this.dispose();
    this.#phase = phase;
    this.#point = undefined;
  }

  /** Trains with one optimizer; gives whether it came to the end. */
  async #run({ onLog, onEpoch, signal }: MemberTraining): Promise<boolean> {
    const { member, texts, labels, seed } = this.#options;
    const [examples = 0] = texts.inputIds.shape;
    const phase = this.#phase;
    const { turn } = memberLength(examples);
    const [epochsBefore, stepsBefore] = phase === "adamw"
      ? [0, 0]
      : [EPOCHS.adamw, turn];
    const report = (own: TrainReport): MemberReport => ({
      epoch: epochsBefore + own.epoch + 1,
      step: stepsBefore + own.step,
      loss: own.loss,
      losses: own.losses,
      learningRate: own.learningRate,
    });
    const { aborted } = await train({
      epochs: EPOCHS[phase],
      optimizer: this.#optimizer ??= optimizerOf(phase, member),
      batches: (epoch) =>
        batches(examples, BATCH, { shuffle: true, seed, epoch }),
      inputs: (rows) => ({ index: Int32Array.from(rows) }),
      step: ({ index }) =>
        member.forward({
          inputIds: indexSelect(texts.inputIds, index),
          attentionMask: indexSelect(texts.attentionMask, index),
          labels: indexSelect(labels, index),
        }),
      onStep: ({ epoch, step, epochStep }) => {
        this.#point = { epoch, step, epochStep };
      },
      onLog: (own) => onLog?.(report(own)),
      onEpoch: async (own) => {
        const isCollected = phase === "sgd" && own.epoch >= SETTLING;
        if (isCollected) this.posterior.collectModel(member);
        this.#point = { epoch: own.epoch + 1, step: own.step, epochStep: 0 };
        await onEpoch?.(report(own), isCollected);
      },
      resume: this.#point,
      signal,
    });
    return !aborted;
  }
}

function optimizerOf(
  phase: MemberState["phase"],
  member: BertForSequenceClassification,
): Optimizer {
  return phase === "adamw"
    ? new AdamW(member.parameters(), { learningRate: 3e-3 })
    : new SGD(member.parameters(), {
      learningRate: 0.05,
      momentum: 0.9,
      weightDecay: 1e-4,
    });
}
