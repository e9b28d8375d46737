// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";

const MODULE = new URL("../../cli/interrupt.ts", import.meta.url);

/** Signals, each with the milliseconds before it. */
type Signals = readonly (readonly [number, Deno.Signal])[];

/**
 * Runs a program and sends it signals. It waits two seconds in `wait`, and ends with
 * the exit code of the signal.
 */
async function interrupted(
  signals: Signals,
  { wait, ignoresHangup = false }: { wait: string; ignoresHangup?: boolean },
): Promise<{ code: number; out: string }> {
  const program = `
    import { Interrupt, outliveTerminal } from "${MODULE}";
    outliveTerminal();
    const sleep = () => new Promise((resolve) => setTimeout(resolve, 2000));
    // Like a wait for the GPU, this receives no signal meanwhile.
    const block = async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      while (!interrupt.signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve));
      }
      const end = performance.now() + 1500;
      while (performance.now() < end);
      await new Promise((resolve) => setTimeout(resolve, 500));
    };
    const interrupt = new Interrupt(() => console.log("stopping"));
    console.log("ready");
    await ${wait};
    console.log("finished", interrupt.signal.aborted);
    interrupt[Symbol.dispose]();
    Deno.exit(interrupt.exitCode);`;
  const ignore = ignoresHangup ? "trap '' HUP; " : "";
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `${ignore}exec "$0" eval --no-check "$1"`,
      Deno.execPath(),
      program,
    ],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = (await reader.read()).value ?? "";
  for (const [before, signal] of signals) {
    await new Promise((resolve) => setTimeout(resolve, before));
    child.kill(signal);
  }
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    out += value;
  }
  return { code: (await child.status).code, out };
}

const TRAINING = "sleep()";
const SAVING = "interrupt.finish(sleep)";
/** Before the training, or after it, a signal ends the program with a code of its own. */
const AROUND = "(interrupt[Symbol.dispose](), Interrupt.exitWith(75), sleep())";
/** During the training it does not. */
const INSIDE = "(Interrupt.exitWith(75), sleep())";

const CASES: [
  string,
  Signals,
  Parameters<typeof interrupted>[1],
  number,
  string,
][] = [
  [
    "the first signal requests a stop",
    [[0, "SIGTERM"]],
    { wait: TRAINING },
    143,
    "stopping finished true",
  ],
  [
    "a signal around a training ends the program with the code that was asked for",
    [[0, "SIGTERM"]],
    { wait: AROUND },
    75,
    "",
  ],
  [
    "a signal during a training requests a stop, whatever code was asked for",
    [[0, "SIGTERM"]],
    { wait: INSIDE },
    143,
    "stopping finished true",
  ],
  [
    "a closed terminal requests a stop",
    [[0, "SIGHUP"]],
    { wait: TRAINING },
    129,
    "stopping finished true",
  ],
  [
    "two signals together count as one",
    [[0, "SIGINT"], [100, "SIGINT"]],
    { wait: TRAINING },
    130,
    "stopping finished true",
  ],
  [
    "two signals together count as one, even if the second arrives late",
    [[0, "SIGINT"], [100, "SIGINT"]],
    { wait: "block()" },
    130,
    "stopping finished true",
  ],
  [
    "a second signal ends the process at once",
    [[0, "SIGINT"], [1400, "SIGINT"]],
    { wait: TRAINING },
    130,
    "stopping",
  ],
  [
    "a second signal does not interrupt a save",
    [[0, "SIGINT"], [1400, "SIGINT"]],
    { wait: SAVING },
    130,
    "stopping finished true",
  ],
  [
    "a program that nohup started continues without its terminal",
    [[0, "SIGHUP"], [100, "SIGTERM"]],
    { wait: TRAINING, ignoresHangup: true },
    // Only Linux shows what is ignored; elsewhere the first signal is handled.
    Deno.build.os === "linux" ? 143 : 129,
    "stopping finished true",
  ],
];

Deno.test("signals stop a training, but never a save", async (t) => {
  const outcomes = CASES.map(([, signals, options]) =>
    interrupted(signals, options)
  );
  for (const [i, [name, , , code, said]] of CASES.entries()) {
    const outcome = await outcomes[i];
    await t.step(name, () => {
      assertEquals(outcome?.code, code);
      assertEquals(
        outcome?.out.trim().replaceAll("\n", " "),
        `ready ${said}`.trim(),
      );
    });
  }
});
