// Copyright 2026 the swagpu authors. MIT license.

/**
 * Opens the weights of a folder: safetensors or PyTorch's own format, in one file
 * or in parts.
 *
 * @module
 */

import { NotFound } from "../../host/mod.ts";
import { DiskReader, finishSave } from "../../nn/formats/mod.ts";
import {
  openPyTorch,
  openSafetensors,
  type SafetensorsInfo,
  type SafetensorsTensor,
  type StateSource,
} from "../../nn/mod.ts";
import { findWeights, readWeightMap, WEIGHT_KINDS } from "./weights.ts";
import { pathInFolder } from "./model_folder.ts";

/** The weights of a folder, open for reading. `using` closes them. */
export interface Checkpoint extends StateSource, Disposable {
  /** The file of the weights, or the index of their parts. */
  readonly path: string;
  /** The names of the tensors. */
  readonly names: readonly string[];
  /**
   * Returns the element type, the shape and the size of a tensor.
   *
   * @throws {RangeError} If no tensor has this name.
   */
  info(name: string): SafetensorsInfo;
  /**
   * Reads a tensor. Floats of all kinds become 32-bit floats, and integers 32-bit
   * integers.
   *
   * @throws {RangeError} If no tensor has this name, or a 64-bit integer does not
   * fit into 32 bits.
   */
  tensor(name: string): Promise<SafetensorsTensor>;
}

/**
 * Opens the weights in a folder. As in transformers, it takes the first file that
 * exists of `model.safetensors`, `model.safetensors.index.json`,
 * `pytorch_model.bin` and `pytorch_model.bin.index.json`. Tensors are read when
 * they are asked for, and only one of several parts is open at a time.
 *
 * Nothing outside the folder is read. A file may be a symbolic link to another
 * file of the folder or, in a snapshot of the hub's cache, to a blob of the same
 * repository.
 *
 * @param folder The path of the folder.
 * @returns The open weights.
 * @throws {NotFound} If there are no weights, or a part is missing.
 * @throws {SyntaxError} If a file is malformed, or a PyTorch file asks for
 * objects that are not tensors.
 * @throws {TypeError} If a file is a link that leads out of the folder.
 *
 * @example The weights of a folder
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openCheckpoint } from "@swagpu/swagpu/models";
 * import { writeSafetensors } from "@swagpu/swagpu/nn";
 *
 * const folder = await Deno.makeTempDir();
 * await writeSafetensors(`${folder}/model.safetensors`, [
 *   ["bias", { shape: [2], dtype: "F16", data: new Float32Array([1, 2]) }],
 * ]);
 * {
 *   using weights = await openCheckpoint(folder);
 *   assertEquals(weights.names, ["bias"]);
 *   assertEquals([...(await weights.tensor("bias")).data], [1, 2]);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  await finishSave(folder);
  const kind = await findWeights(folder);
  if (kind === undefined) {
    throw new NotFound(
      `Cannot load weights from ${folder}: it has none of ${
        WEIGHT_KINDS.map(({ name }) => name).join(", ")
      }`,
    );
  }
  const path = await pathInFolder(folder, kind.name);
  if (kind.part) return await SplitCheckpoint.open(folder, kind.name);
  const file = await openFile(path);
  return {
    path,
    names: file.names,
    info: (name) => file.info(name),
    tensor: (name) => file.tensor(name),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

type WeightFile = Awaited<
  ReturnType<typeof openPyTorch | typeof openSafetensors>
>;

async function openFile(path: string): Promise<WeightFile> {
  try {
    return await (path.endsWith(".bin") ? openPyTorch : openSafetensors)(path);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !await isPointer(path)) throw error;
    throw new SyntaxError(
      `Cannot read ${path}: it is a pointer of Git LFS in place of the ` +
        "weights, run git lfs pull",
      { cause: error },
    );
  }
}

/**
 * Whether a file is the pointer that Git LFS leaves until it fetches the file.
 */
async function isPointer(path: string): Promise<boolean> {
  const mark = "version https://git-lfs";
  using file = await DiskReader.open(path);
  const bytes = await file.read(0, Math.min(mark.length, file.size));
  return new TextDecoder().decode(bytes) === mark;
}

/**
 * Weights in parts. The headers of all are read first; then one is open at a
 * time.
 */
class SplitCheckpoint implements Checkpoint {
  readonly path: string;
  readonly names: readonly string[];
  readonly #folder: string;
  readonly #entries: ReadonlyMap<string, { file: string } & SafetensorsInfo>;
  #open: { name: string; file: WeightFile } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    folder: string,
    path: string,
    entries: ReadonlyMap<string, { file: string } & SafetensorsInfo>,
  ) {
    this.path = path;
    this.names = [...entries.keys()];
    this.#folder = folder;
    this.#entries = entries;
  }

  /** Checks that every tensor is in the part that the index names. */
  static async open(folder: string, index: string): Promise<SplitCheckpoint> {
    const path = `${folder}/${index}`;
    const map = await readWeightMap(path);
    const entries = new Map<string, { file: string } & SafetensorsInfo>();
    for (const part of new Set(map.values())) {
      using file = await openPart(folder, part);
      for (const [name, own] of map) {
        if (own !== part) continue;
        if (!file.has(name)) {
          throw new SyntaxError(
            `Cannot read ${path}: it places ${JSON.stringify(name)} in ` +
              `${part}, which lacks it`,
          );
        }
        entries.set(name, { file: part, ...file.info(name) });
      }
    }
    return new SplitCheckpoint(folder, path, entries);
  }

  info(name: string): SafetensorsInfo {
    const { dtype, shape, byteLength } = this.#entry(name);
    return { dtype, shape, byteLength };
  }

  tensor(name: string): Promise<SafetensorsTensor> {
    // Only one part is open, so each read waits for the previous one.
    const result = this.#last.then(() => this.#read(name));
    this.#last = result.catch(() => {});
    return result;
  }

  async #read(name: string): Promise<SafetensorsTensor> {
    const { file: part } = this.#entry(name);
    if (this.#open?.name !== part) {
      this[Symbol.dispose]();
      const file = await openPart(this.#folder, part);
      this.#open = { name: part, file };
    }
    return await this.#open.file.tensor(name);
  }

  [Symbol.dispose](): void {
    this.#open?.file[Symbol.dispose]();
    this.#open = undefined;
  }

  #entry(name: string): { file: string } & SafetensorsInfo {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new RangeError(
      `Cannot read tensor ${JSON.stringify(name)} of ${this.path}: no part ` +
        "holds a tensor of this name",
    );
  }
}

async function openPart(folder: string, part: string): Promise<WeightFile> {
  try {
    return await openFile(await pathInFolder(folder, part));
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new NotFound(
      `Cannot load weights from ${folder}: it lacks ${part}`,
      { cause: error },
    );
  }
}
