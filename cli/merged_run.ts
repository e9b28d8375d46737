// Copyright 2026 the swagpu authors. MIT license.

/**
 * The file multiswag.json of a merged run, which names the particles of its model. They
 * stay in folders below the file's own, so that the folder of the run can be moved as a
 * whole. `MultiSwag.load` reads it; what is here is what a run knows of them beside.
 *
 * @module
 */

import { exists, openSafetensors, readText } from "../nn/formats/mod.ts";
import { POSTERIOR_NAME } from "./classifier.ts";

/** The file. */
export const MERGED_NAME = "multiswag.json";

/** The field of a posterior's file that holds the fingerprint of its weights. */
export const WEIGHTS_FIELD = "swag_weights";

/** A particle of a merged run. */
export interface MergedParticle {
  /** Its folder, below that of the run. */
  readonly folder: string;
  /** Its seed. */
  readonly seed: number;
  /** The fingerprint of its last weights, which its posterior's file holds. */
  readonly weights: string;
}

/** The text of the file. */
export function mergedText(particles: readonly MergedParticle[]): string {
  const file = {
    particles: particles.map(({ folder, seed, weights }) => ({
      posterior: `${folder}/${POSTERIOR_NAME}`,
      ...{ seed, weights },
    })),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/**
 * Checks that the particles of a merged run are those that were merged, as far as the
 * list says which those were.
 *
 * @param run The folder.
 * @throws {TypeError} If a particle is missing, or is another one now.
 */
export async function checkMerged(run: string): Promise<void> {
  let particles: unknown;
  try {
    const text = await readText(`${run}/${MERGED_NAME}`);
    ({ particles } = Object(JSON.parse(text)));
  } catch (error) {
    if (error instanceof SyntaxError) return; // Whoever loads it says so.
    throw error;
  }
  if (!Array.isArray(particles)) return;
  for (const particle of particles) {
    const { posterior, weights } = Object(particle);
    if (weights === undefined) continue;
    const path = `${run}/${posterior}`;
    const found = await exists(path) ? await weightsOf(path) : undefined;
    if (found === weights) continue;
    throw new TypeError(
      `Cannot load ${run}: ${path} is ${
        found === undefined ? "missing" : "not what it was when it was merged"
      }; run swagpu merge again`,
    );
  }
}

/** The fingerprint of the weights that a posterior's file belongs to. */
async function weightsOf(path: string): Promise<string | undefined> {
  using file = await openSafetensors(path);
  return file.metadata[WEIGHTS_FIELD];
}
