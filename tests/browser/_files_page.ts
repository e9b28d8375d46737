// Copyright 2026 the swagpu authors. MIT license.

// What files_test.ts asks of a page: models from the web, from the browser's own
// folder, and from files that were chosen.

import { initialize, tensor } from "../../engine/mod.ts";
import {
  type FetchProgress,
  filesDisk,
  mount,
  originFolder,
  urlDisk,
} from "../../host/mod.ts";
import { AutoModelForSequenceClassification } from "../../models/mod.ts";
import { SwagModel } from "../../swag/mod.ts";

type Model = Awaited<
  ReturnType<typeof AutoModelForSequenceClassification.fromPretrained>
>;

/** The logits for one row. */
async function logitsOf(model: Model): Promise<number[]> {
  const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
  return [...await model.forward({ inputIds }).logits.data()];
}

async function load(source: string): Promise<Model> {
  await initialize();
  return await AutoModelForSequenceClassification.fromPretrained(source);
}

const page = {
  /** Loads a model from an address, of which only these files are asked for. */
  async fromWeb(
    address: string,
    files: string[],
  ): Promise<{ logits: number[]; progress: FetchProgress[] }> {
    const progress: FetchProgress[] = [];
    const onProgress = (step: FetchProgress) => progress.push(step);
    const unmount = mount(address, urlDisk({ files, onProgress }));
    const logits = await logitsOf(await load(address));
    unmount();
    return { logits, progress };
  },

  /** Loads a model from an address as it is. */
  async fromAddress(address: string): Promise<number[]> {
    return await logitsOf(await load(address));
  },

  /** Keeps a model and a posterior over it for the next visit. */
  async keep(address: string): Promise<number[]> {
    mount("kept", await originFolder("models"));
    const model = await load(address);
    const swag = SwagModel.fromBase(model);
    swag.collectModel();
    await model.savePretrained("kept/mine", {
      alongside: { "swag.safetensors": (path) => swag.save(path) },
    });
    return await logitsOf(model);
  },

  /** Loads what an earlier visit has kept. */
  async fromKept(): Promise<{ logits: number[]; collections: number }> {
    mount("kept", await originFolder("models"));
    const model = await load("kept/mine");
    const swag = await SwagModel.load("kept/mine/swag.safetensors", model);
    return { logits: await logitsOf(model), collections: swag.nModels };
  },

  /** Loads a model from the files of an `<input webkitdirectory>`. */
  async fromChosen(input: { files: Iterable<File> }): Promise<number[]> {
    mount("chosen", filesDisk(input.files));
    return await logitsOf(await load("chosen"));
  },

  /** The message of the error of a call. */
  async errorOf(source: string): Promise<string> {
    try {
      await load(source);
      return "there was none";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  },

  /** What a worker writes, in a browser that writes files in workers alone. */
  async inWorker(): Promise<string> {
    const worker = new Worker("/worker.js", { type: "module" });
    const answer = await new Promise<MessageEvent>((resolve) =>
      worker.onmessage = resolve
    );
    worker.terminate();
    return answer.data;
  },
};

Object.assign(globalThis, { page });
