// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { dependsOn } from "../../engine/kernel_kit.ts";

/**
 * Whether the parts of an adapter are in effect. A captured step that has asked
 * is only valid while the answer is the same.
 */
export class AdapterSwitch {
  #isOn = true;

  /** Whether they are. */
  get isOn(): boolean {
    const now = this.#isOn;
    dependsOn(() => this.#isOn === now);
    return now;
  }

  set isOn(value: boolean) {
    this.#isOn = value;
  }
}
