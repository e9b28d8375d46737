// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Case, matmulCase } from "../../bench/peers/cases.ts";
import { parseChoice } from "../../bench/peers/command.ts";
import {
  judge,
  type PeerResult,
  type Report,
  withRatios,
} from "../../bench/peers/measure.ts";
import { figure, renderReport, renderTable } from "../../bench/peers/table.ts";

const agreed = { agrees: true, error: 0 };
const differs = { agrees: false, error: 0.25 };

function result(
  peer: string,
  times: number[],
  agreement = agreed,
): PeerResult {
  const samples = times.map((ms) => ({ ms, cpuMs: ms, runs: 1 }));
  return { peer, agreement, samples };
}

function reportOf(peers: PeerResult[]): Report {
  return {
    date: "2026-11-22T00:00:00.000Z",
    deno: "2.9.6",
    adapter: "an adapter",
    rounds: 3,
    minMs: 200,
    versions: { swagpu: { swagpu: "0.1.0" } },
    adapters: { swagpu: "an adapter" },
    missing: { "torch-cuda": "no CUDA device" },
    limits: [],
    cases: [{ name: "a case", limit: "fma", limitRate: 100, peers }],
  };
}

Deno.test("peers that agree get a ratio, and the base gets 1", () => {
  const [base, other] = withRatios([
    result("swagpu", [2, 2, 2]),
    result("other", [8, 9, 10]),
  ]);
  assertEquals(base?.ratio, 1);
  assertEquals(other?.ratio, 4.5);
});

Deno.test("no ratio is given if outputs differ from the base, or the base differs", () => {
  const [, wrong] = withRatios([
    result("swagpu", [2]),
    result("wrong", [1], differs),
  ]);
  assertEquals(wrong?.ratio, undefined);
  const orphans = withRatios([
    result("swagpu", [2], differs),
    result("other", [1]),
  ]);
  assertEquals(orphans.map(({ ratio }) => ratio), [undefined, undefined]);
});

Deno.test("a peer that failed after some samples gets no ratio", () => {
  const failed = { ...result("other", [1]), error: "invalid" };
  const [, other] = withRatios([result("swagpu", [2]), failed]);
  assertEquals(other?.ratio, undefined);
});

Deno.test("outputs are judged by the reference, not by each other", () => {
  const given: Case = {
    ...matmulCase(2, 2, 2),
    expected: { values: () => [1, 2], tolerance: 1e-3 },
  };
  const judged = judge(
    given,
    new Map<string, { outputs: number[] } | { error: string }>([
      ["right", { outputs: [1, 2] }],
      ["wrong", { outputs: [1, 3] }],
      ["broken", { error: "has no such operation" }],
    ]),
  );
  assertEquals(judged.get("right")?.agreement?.agrees, true);
  assertEquals(judged.get("wrong")?.agreement?.agrees, false);
  assertEquals(judged.get("broken")?.error, "has no such operation");
});

Deno.test("without a reference the first peer that answers is the reference", () => {
  const given: Case = { ...matmulCase(2, 2, 2), expected: { tolerance: 0.1 } };
  const judged = judge(
    given,
    new Map<string, { outputs: number[] } | { error: string }>([
      ["broken", { error: "out of memory" }],
      ["first", { outputs: [4] }],
      ["second", { outputs: [4.2] }],
      ["third", { outputs: [5] }],
    ]),
  );
  assertEquals(judged.get("second")?.agreement?.agrees, true);
  assertEquals(judged.get("third")?.agreement?.agrees, false);
});

Deno.test("the report says what differs, failed and is missing", () => {
  const text = renderReport(reportOf([
    { ...result("swagpu", [2]), ratio: 1 },
    { ...result("wrong", [1], differs), ratio: 0.5 },
    { peer: "broken", error: "has no such operation" },
  ]));
  const line = text.split("\n").find((line) => line.includes("wrong")) ?? "";
  assert(line.includes("differs"));
  assert(!line.includes("0.50x"));
  assert(text.includes("- a case: broken has no such operation"));
  assert(text.includes("- a case: wrong differs by 2.5e-1"));
  assert(text.includes("- torch-cuda is missing: no CUDA device"));
});

Deno.test("tables have aligned columns, with numbers to the right", () => {
  const text = renderTable(["peer", "ms"], [["a", "1"], ["bcdef", "10.25"]]);
  assertEquals(text.split("\n"), [
    "| peer  |    ms |",
    "|-------|------:|",
    "| a     |     1 |",
    "| bcdef | 10.25 |",
  ]);
});

Deno.test("figures keep three digits", () => {
  assertEquals(
    [1234.5, 123.45, 1.2345, 0.012345, undefined, NaN].map(figure),
    ["1235", "123", "1.23", "0.0123", "-", "-"],
  );
});

Deno.test("options come in both spellings; unknown ones are refused", () => {
  const choice = parseChoice(["--only", "a,b", "--rounds=5", "--small"]);
  assertEquals(choice.only, ["a", "b"]);
  assertEquals(choice.rounds, 5);
  assertEquals(choice.small, true);
  assertThrows(() => parseChoice(["--round", "5"]), TypeError, "--round:");
  assertThrows(() => parseChoice(["--json"]), TypeError, "--json");
  assertThrows(() => parseChoice(["--rounds", "0"]), TypeError, "above 0");
});
