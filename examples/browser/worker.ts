// Copyright 2026 the swagpu authors. MIT license.

// The worker of the page: it owns the GPU and the models, and answers calls.

import type {
  CallName,
  Calls,
  ModelSource,
  PlainError,
  ToPage,
  ToWorker,
} from "./protocol.ts";
import { Gpu } from "./worker/gpu.ts";
import { forgetModel, keepModel, keptModels } from "./worker/kept_models.ts";
import { Loaded } from "./worker/loaded.ts";
import { runRegression } from "./worker/regression.ts";
import { runTraining } from "./worker/training.ts";
import { keptRun, publicPart } from "./worker/kept_run.ts";

/** What a handler knows of its call, beside what it is given. */
interface Context<Name extends CallName> {
  readonly tell: (told: Calls[Name]["told"]) => void;
  readonly signal: AbortSignal;
}

type Handlers = {
  [Name in CallName]: (
    given: Calls[Name]["given"],
    context: Context<Name>,
  ) => Promise<Calls[Name]["answer"]>;
};

const post = (message: ToPage): void => self.postMessage(message);
const gpu = new Gpu((reason) => {
  post({ lost: reason });
  // Loads the model again at once, if there was one; whoever asks next is told why
  // where that fails.
  gpu.run(() => loaded.restore()).catch(() => {});
});
const loaded = new Loaded();
const pass = () => gpu.pass();

const handlers: Handlers = {
  open: () => gpu.facts(),
  load: (source: ModelSource, { tell }) =>
    gpu.run(() => loaded.load(source, tell)),
  kept: () => keptModels(),
  keep: ({ name }) =>
    gpu.run(async () => await keepModel(name, await loaded.classifier())),
  forget: ({ name }) => forgetModel(name),
  classify: (question) =>
    gpu.run(async () => (await loaded.classifier()).classify(question)),
  leaveOut: (question, { signal }) =>
    gpu.run(async () => (await loaded.classifier()).leaveOut(question, signal)),
  async run() {
    const run = await keptRun();
    return run ? publicPart(run) : null;
  },
  async train({ resume, ...plan }, { tell, signal }) {
    const kept = resume ? await keptRun() : undefined;
    const id = kept?.id ?? crypto.randomUUID();
    const task = { plan: kept?.plan ?? plan, id, tell, pass, signal };
    // After a lost GPU it goes on from the last pass that was kept.
    return await gpu.runLong(() => runTraining(task));
  },
  regress({ counts, passes }, { tell, signal }) {
    const left = [...counts];
    return gpu.runLong(async () => {
      await runRegression({
        counts: [...left],
        passes,
        tell(news) {
          tell(news);
          if ("curves" in news) left.shift(); // Not again after a lost GPU.
        },
        pass,
        signal,
      });
      return null;
    });
  },
  async lose() {
    (await gpu.open()).gpu.destroy();
    return null;
  },
};

const running = new Map<number, AbortController>();

async function answer<Name extends CallName>(
  id: number,
  call: Name,
  given: Calls[Name]["given"],
): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const result = await handlers[call](given, {
      tell: (told) => post({ id, told }),
      signal: controller.signal,
    });
    post({ id, answer: result });
  } catch (error) {
    post({ id, error: plain(error) });
  } finally {
    running.delete(id);
  }
}

function plain(error: unknown): PlainError {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: String(error) };
}

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if ("stop" in data) running.get(data.stop)?.abort();
  else answer(data.id, data.call, data.given);
});
