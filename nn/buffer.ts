// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tensors of a module that are saved but not trained.

import {
  allocate,
  type Block,
  copyInto,
  persist,
} from "../engine/kernel_kit.ts";
import {
  currentDevice,
  noGrad,
  scope,
  type Shape,
  Tensor,
} from "../engine/mod.ts";
import { zeros } from "./init.ts";
import type { Initializer } from "./initializer.ts";

/**
 * A tensor that a module keeps and saves but does not train, such as a bias
 * that a translation model adds to its logits.
 *
 * A buffer does not belong to the flat parameter vector: optimizers and
 * posteriors do not change it. It takes no memory before its first use.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Buffer, init, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Scale extends Module {
 *   factor = new Buffer([1], init.ones());
 * }
 *
 * await initialize();
 * const scale = new Scale();
 * assertEquals([...scale.namedBuffers().keys()], ["factor"]);
 * assertEquals(scale.parameters(), []);
 * assertEquals(await scale.factor.item(), 1);
 * scale.dispose();
 * ```
 */
export class Buffer extends Tensor {
  readonly #init: Initializer;
  #made = false;

  /**
   * Describes the buffer.
   *
   * @param shape The shape.
   * @param init Its initial values. @default {zeros}
   */
  constructor(shape: Shape, init: Initializer = zeros()) {
    super(currentDevice(), [...shape], "f32");
    this.#init = init;
  }

  /** The memory, which is allocated at first use. */
  override get block(): Block {
    if (!this.#made) this.#make();
    return super.block;
  }

  /** Writes the initial values, again if they have been written before. */
  initialize(): void {
    using _ = scope();
    noGrad(() => this.#init(this.shape, (values) => copyInto(this, values)));
  }

  #make(): void {
    this.#made = true;
    const storage = persist(allocate(this.device, this.shape));
    this.place({ block: storage.block, byteOffset: 0 });
    storage.dispose();
    this.initialize();
  }
}
