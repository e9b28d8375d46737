// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { Progress, progressLine } from "../../cli/progress.ts";

const STATE = {
  epoch: 2,
  epochs: 4,
  step: 20,
  steps: 80,
  loss: 0.51239,
  learningRate: 5e-5,
  samplesPerSecond: 20,
  secondsLeft: 150,
  gpuBytes: 2 ** 20,
};

/** Makes a Progress with a clock that the test sets. */
function watch(isTerminal: boolean, quiet = false) {
  const written: string[] = [];
  const clock = { time: 1000 };
  const terminal = {
    isTerminal: () => isTerminal,
    writeSync(bytes: Uint8Array) {
      written.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  };
  const now = () => clock.time;
  return { progress: new Progress({ terminal, now, quiet }), written, clock };
}

Deno.test("progressLine() shows rate and time left", () => {
  assertEquals(
    progressLine(STATE),
    "epoch 2/4  step 20/80  loss 0.5124  learning rate 5.00e-5  " +
      "20 samples/s  1.0 MiB of GPU memory  2:30 left",
  );
  assertEquals(
    progressLine({
      ...STATE,
      loss: undefined,
      samplesPerSecond: 0.2,
      secondsLeft: 15000,
    }),
    "epoch 2/4  step 20/80  learning rate 5.00e-5  " +
      "0.2 samples/s  1.0 MiB of GPU memory  4:10:00 left",
  );
});

Deno.test("Progress replaces one line on a terminal", () => {
  const { progress, written, clock } = watch(true);
  progress.show("first");
  clock.time += 50;
  progress.show("too soon");
  clock.time += 100;
  progress.show("second");
  progress.say("a message");
  progress.clear();
  const clear = "\r\x1b[2K";
  assertEquals(written, [
    `${clear}first`,
    `${clear}second`,
    clear,
    "a message\n",
  ]);
});

Deno.test("Progress writes a new line from time to time if there is no terminal", () => {
  const { progress, written, clock } = watch(false);
  for (let second = 0; second <= 12; second++) {
    progress.show(`after ${second} s`);
    clock.time += 1000;
  }
  progress.clear();
  assertEquals(written, ["after 2 s\n", "after 7 s\n", "after 12 s\n"]);
  progress.show("asked for", true);
  assertEquals(written.at(-1), "asked for\n");
});

Deno.test("Stage shows its count, rate and time left", () => {
  const { progress, written, clock } = watch(false);
  {
    using stage = progress.stage("evaluating", 12000, "texts");
    for (let i = 0; i < 3; i++) {
      clock.time += 1000;
      stage.advance(1500);
    }
  }
  assertEquals(written, [
    "evaluating  3,000 of 12,000 texts  1500 texts/s  0:06 left\n",
  ]);
});

Deno.test("Progress writes nothing if it is quiet", async () => {
  const { progress, written, clock } = watch(false, true);
  clock.time += 10_000;
  progress.show("a line", true);
  progress.say("a message");
  assertEquals(await progress.during("loading", Promise.resolve(3)), 3);
  assertEquals(written, []);
});
