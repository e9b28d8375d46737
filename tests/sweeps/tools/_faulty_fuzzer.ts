// Copyright 2026 the swagpu authors. MIT license.

import {
  Finding,
  type Fuzzer,
  type Outcome,
} from "../../../tools/fuzz/fuzzer.ts";

// The third argument of a child process is the number of its first trial.
const OUTCOMES: ((random: number) => Outcome)[] = [
  () => "accepted",
  () => {
    throw new Finding("wrong result", "2 + 2 gave 5");
  },
  (random) => (random as unknown as { missing(): Outcome }).missing(),
  () => {
    for (;;); // Blocks the process, timers and signals included.
  },
  () => Deno.exit(3),
  () => "refused",
];

let turn = Number(Deno.args[2] ?? 0);

/** Has one fault of each kind, for the watchdog to find. */
export const fuzzer: Fuzzer = {
  name: "faulty",
  description: "Gets it wrong on purpose.",
  short: OUTCOMES.length,
  limit: 1,
  trial(random) {
    const outcome = OUTCOMES[turn++]?.(random.next()) ?? "accepted";
    return Promise.resolve(outcome);
  },
};
