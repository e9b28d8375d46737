// Copyright 2026 the swagpu authors. MIT license.
import { assertEquals } from "@std/assert";
import { countJUnit, endedWell, summarize } from "../../tools/test.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="6" failures="2" errors="0" time="0.031">
    <testsuite name="./a_test.ts" tests="6" disabled="1" errors="0" failures="2">
        <testcase name="one" classname="./a_test.ts" time="0.001"></testcase>
        <testcase name="a &lt;failure&gt;" time="0.001"></testcase>
        <testcase name="three" time="0.001">
            <failure message="Uncaught Error">Error: no</failure>
        </testcase>
        <testcase name="four" time="0.000"><skipped/></testcase>
        <testcase name="three &gt; step" time="0.001">
            <failure message="Uncaught Error">Error: no</failure>
        </testcase>
        <testcase name="one &gt; step" time="0.001"></testcase>
    </testsuite>
</testsuites>`;

Deno.test("countJUnit() counts tests and leaves their steps out", () => {
  assertEquals(countJUnit(REPORT), { passed: 2, failed: 1, skipped: 1 });
  assertEquals(countJUnit(""), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("summarize() names skipped tests only when there are some", () => {
  const counts = { passed: 12, failed: 0, skipped: 0 };
  assertEquals(summarize(counts, true), "12 passed, 0 failed");
  assertEquals(
    summarize({ ...counts, skipped: 2 }, true),
    "12 passed, 0 failed, 2 skipped",
  );
});

Deno.test("summarize() counts one failure when the run crashed or ran nothing", () => {
  const none = { passed: 0, failed: 0, skipped: 0 };
  assertEquals(summarize(none, false), "0 passed, 1 failed");
  assertEquals(summarize(none, true), "0 passed, 1 failed");
  assertEquals(
    summarize({ ...none, passed: 3 }, false),
    "3 passed, 1 failed",
  );
  assertEquals(
    summarize({ passed: 3, failed: 2, skipped: 0 }, false),
    "3 passed, 2 failed",
  );
});

Deno.test("endedWell() forgives a crash only after a report without failures", () => {
  const all = { passed: 3, failed: 0, skipped: 0 };
  const abort = { code: 134, signal: "SIGABRT" };
  assertEquals(endedWell({ code: 0, signal: null }, all), true);
  assertEquals(endedWell(abort, all), true);
  assertEquals(endedWell(abort, { ...all, failed: 1 }), false);
  assertEquals(endedWell(abort, { ...all, passed: 0 }), false);
  assertEquals(endedWell({ code: 1, signal: null }, all), false);
  assertEquals(endedWell({ code: 137, signal: "SIGKILL" }, all), false);
});
