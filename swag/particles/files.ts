// Copyright 2026 the swagpu authors. MIT license.

/**
 * The folder of a MultiSWAG: one file for each particle's posterior, one for its
 * buffers if the model has any, and `multiswag.json`, which lists them by paths
 * relative to the folder:
 *
 * ```json
 * { "particles": [{ "posterior": "particle-0000.safetensors" }] }
 * ```
 *
 * @module
 */

import { type Tensor, tensor } from "../../engine/mod.ts";
import { persist } from "../../engine/kernel_kit.ts";
import {
  finishSave,
  FolderSave,
  openSafetensors,
  readText,
  type SafetensorsSource,
  withFile,
  writeSafetensors,
  writeTextAtomically,
} from "../../nn/formats/mod.ts";
import type { Module } from "../../nn/mod.ts";
import { BufferCopy } from "./buffer_copy.ts";
import { SwagModel } from "../swag_model.ts";
import { disposeParticles, type Particle } from "./particle.ts";

/** The file that lists the particles. */
const LIST = "multiswag.json";

/** The files of a particle. */
interface ParticleFiles {
  readonly posterior: string;
  readonly buffers?: string;
}

/** Writes particles to a folder; all files get their names together. */
export async function writeParticles(
  folder: string,
  particles: readonly Particle[],
): Promise<void> {
  await using save = await FolderSave.begin(folder);
  const list: ParticleFiles[] = [];
  for (const [index, { swag, buffers }] of particles.entries()) {
    const name = `particle-${String(index).padStart(4, "0")}`;
    const files = {
      posterior: `${name}.safetensors`,
      ...buffers.values.size > 0
        ? { buffers: `${name}.buffers.safetensors` }
        : {},
    };
    await swag.save(`${save.staging}/${files.posterior}`);
    if (files.buffers) {
      await writeSafetensors(
        `${save.staging}/${files.buffers}`,
        [...buffers.values].map(([name, x]): [string, SafetensorsSource] => [
          name,
          { shape: x.shape, dtype: "F32", data: () => x.data() },
        ]),
      );
    }
    list.push(files);
  }
  await writeTextAtomically(
    `${save.staging}/${LIST}`,
    `${JSON.stringify({ particles: list }, undefined, 2)}\n`,
  );
  await save.commit({ last: [LIST] });
}

/** Reads the particles of a folder, or those of several files of posteriors. */
export async function readParticles(
  source: string | readonly string[],
  base: Module,
): Promise<Particle[]> {
  const files = typeof source === "string"
    ? await listedFiles(source)
    : source.map((posterior): ParticleFiles => ({ posterior }));
  const particles: Particle[] = [];
  try {
    for (const { posterior, buffers } of files) {
      const swag = await SwagModel.load(posterior, base, {
        sameWeights: false, // Each particle is from a run of its own.
      });
      // Kept before the next reading, so that it is freed if that fails.
      particles.push({ swag, buffers: new BufferCopy(new Map()) });
      if (buffers === undefined) continue;
      particles[particles.length - 1] = {
        swag,
        buffers: await readBuffers(buffers, base),
      };
    }
    return particles;
  } catch (error) {
    disposeParticles(particles);
    throw error;
  }
}

/** The paths of the files that a folder's list names. */
async function listedFiles(folder: string): Promise<ParticleFiles[]> {
  await finishSave(folder);
  const path = `${folder}/${LIST}`;
  const text = await readText(path);
  try {
    const { particles } = JSON.parse(text);
    if (!Array.isArray(particles) || particles.length === 0) {
      throw new SyntaxError(`Cannot read ${path}: it lists no particles`);
    }
    return particles.map(({ posterior, buffers }, index) => {
      const named = [posterior, ...buffers === undefined ? [] : [buffers]];
      const wrong = named.find((name) => !isInside(name));
      if (wrong !== undefined || typeof posterior !== "string") {
        throw new SyntaxError(
          `Cannot read ${path}: particle ${index} names the file ` +
            `${JSON.stringify(wrong)}, but must name one in the folder`,
        );
      }
      return {
        posterior: `${folder}/${posterior}`,
        ...buffers === undefined ? {} : { buffers: `${folder}/${buffers}` },
      };
    });
  } catch (error) {
    throw withFile(error, path);
  }
}

/** Whether a name is that of a file in a folder, or below it. */
function isInside(name: unknown): boolean {
  return typeof name === "string" && name !== "" &&
    !/^([/\\]|[a-z]:)/i.test(name) &&
    !name.split(/[/\\]/).includes("..");
}

async function readBuffers(path: string, base: Module): Promise<BufferCopy> {
  using file = await openSafetensors(path);
  const values = new Map<string, Tensor>();
  for (const [name, { shape, device }] of base.namedBuffers()) {
    const { data } = await file.tensor(name);
    values.set(
      name,
      persist(tensor(Float32Array.from(data), { shape, device })),
    );
  }
  return new BufferCopy(values);
}
