// Copyright 2026 the swagpu authors. MIT license.

// The model of the first tab. It remembers where it came from, so that it can be loaded
// again when the GPU was lost.

import { currentDevice, type Device } from "@swagpu/swagpu/engine";
import type { ModelFacts, ModelSource } from "../protocol.ts";
import type { Classifier } from "./classifier.ts";
import { loadModel } from "./load_model.ts";
import { trainedModel } from "./trained_model.ts";

/** What is told on the way. */
type Tell = (text: string) => void;

/** Loads a model, and loads it again where that is needed. */
export class Loaded {
  #build: (() => Promise<Classifier>) | undefined;
  #classifier: Classifier | undefined;
  #device: Device | undefined;

  /**
   * Loads a model in place of the one before, which stays if that fails.
   *
   * @param source Where it comes from.
   * @param tell Told what takes a while.
   * @returns What is known about it.
   */
  async load(source: ModelSource, tell: Tell): Promise<ModelFacts> {
    await this.#take(
      source.from === "training"
        ? await trainedModel()
        : () => loadModel(source, tell),
    );
    return (await this.classifier()).facts;
  }

  /** Loads the model again if the GPU has changed since. */
  async restore(): Promise<void> {
    if (!this.#build || this.#device === currentDevice()) return;
    await this.#take(this.#build);
  }

  /**
   * The model, on the present GPU.
   *
   * @throws {TypeError} If none is loaded.
   */
  async classifier(): Promise<Classifier> {
    await this.restore();
    if (this.#classifier) return this.#classifier;
    throw new TypeError(
      "Cannot classify: no model is loaded yet, load one first",
    );
  }

  async #take(build: () => Promise<Classifier>): Promise<void> {
    const classifier = await build();
    // What was on a lost device is gone already.
    if (this.#device === currentDevice()) this.#classifier?.[Symbol.dispose]();
    this.#build = build;
    this.#classifier = classifier;
    this.#device = currentDevice();
  }
}
