// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { findPageTests, runsOnPage } from "../../tools/browser.ts";
import { findGpuTests } from "../../tools/test/gpu_tests.ts";
import {
  exitCode,
  groupExamples,
  groupTests,
  LEAVE_CLEANLY,
  parseArguments,
  planJobs,
} from "../../tools/test.ts";
import {
  countJUnit,
  parseSummary,
  problemOf,
  sumCounts,
  summarize,
} from "../../tools/test/counts.ts";
import { examplesIn } from "../../tools/test/examples.ts";
import { findTests, SWEEPS } from "../../tools/test/files.ts";
import {
  needsItsOwn,
  secondsByFile,
  writeGroups,
} from "../../tools/test/groups.ts";
import { type Job, runJobs } from "../../tools/test/processes.ts";
import { listSlowest } from "../../tools/test/times.ts";
import { inFolder } from "../_folder.ts";

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

const PASSED = `<testsuites><testsuite name="./a_test.ts">
  <testcase name="one" time="0.001"></testcase></testsuite></testsuites>`;

Deno.test("countJUnit() counts tests and leaves their steps out", () => {
  assertEquals(countJUnit(REPORT), { passed: 2, failed: 1, skipped: 1 });
  assertEquals(countJUnit(""), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("summarize() names skipped tests only when there are some", () => {
  const counts = { passed: 12, failed: 0, skipped: 0 };
  assertEquals(summarize(counts), "12 passed, 0 failed");
  assertEquals(
    summarize({ ...counts, skipped: 2 }),
    "12 passed, 0 failed, 2 skipped",
  );
});

Deno.test("summarize() counts one failure when nothing ran", () => {
  const none = sumCounts([]);
  assertEquals(summarize(none), "0 passed, 1 failed");
  assertEquals(exitCode(none), 1);
});

Deno.test("parseSummary() reads what summarize() writes", () => {
  const counts = { passed: 3, failed: 2, skipped: 1 };
  assertEquals(parseSummary(summarize(counts)), counts);
  assertEquals(parseSummary("ok | 3 passed | 2 failed"), null);
});

Deno.test("problemOf() reports every process that does not end with 0", () => {
  const passed = { passed: 3, failed: 0, skipped: 0 };
  const failed = { passed: 3, failed: 1, skipped: 0 };
  const none = sumCounts([]);
  const timedOut = false;
  const abort = { code: 134, signal: "SIGABRT", timedOut };
  const after = "after all its tests had passed";
  assertEquals(problemOf({ code: 0, signal: null, timedOut }, passed), null);
  assertEquals(problemOf({ code: 1, signal: null, timedOut }, failed), null);
  assertEquals(problemOf(abort, passed), `died of SIGABRT ${after}`);
  assertEquals(problemOf(abort, failed), "died of SIGABRT");
  assertEquals(problemOf(abort, none), "died of SIGABRT");
  assertEquals(
    problemOf({ code: 1, signal: null, timedOut }, passed),
    `ended with code 1 ${after}`,
  );
  assertEquals(
    problemOf({ code: 1, signal: null, timedOut }, none),
    "ended with code 1",
  );
  assertEquals(
    problemOf({ code: 143, signal: "SIGTERM", timedOut: true }, none),
    "took too long, and was ended",
  );
});

Deno.test("parseArguments() separates paths from options of deno test", () => {
  assertEquals(
    parseArguments(["tests/nn", "--filter", "AdamW", "--shuffle=3", "a.ts"]),
    {
      paths: ["tests/nn", "a.ts"],
      flags: ["--filter", "AdamW", "--shuffle=3"],
    },
  );
});

Deno.test("findTests() finds test files and files with examples", async () => {
  const all = await findTests();
  const find = (path: string) => all.find((file) => file.path === path);
  const test = { tests: true, examples: false };
  const documented = { tests: false, examples: true };
  assertEquals(find("tests/engine/gpu/pool_test.ts"), {
    path: "tests/engine/gpu/pool_test.ts",
    ...test,
  });
  assertEquals(find("README.md"), { path: "README.md", ...documented });
  assertEquals(find("engine/gpu/device.ts"), {
    path: "engine/gpu/device.ts",
    ...documented,
  });
  assertEquals(find("tests/_check.ts"), undefined);
  assertEquals(all.filter(({ path }) => path.includes("fixtures/")), []);
  assertEquals(await findTests(["./engine/gpu/device.ts"]), [{
    path: "engine/gpu/device.ts",
    ...documented,
  }]);
});

Deno.test("findTests() finds the sweeps only where they are named", async () => {
  const names = (files: { path: string }[]) => files.map(({ path }) => path);
  const all = names(await findTests());
  assertEquals(all.filter((path) => path.startsWith(SWEEPS)), []);
  assert(names(await findTests([SWEEPS])).includes(`${SWEEPS}/sizes_test.ts`));
});

Deno.test("findTests() refuses a path without tests", async () => {
  await assertRejects(
    () => findTests(["nowhere"]),
    RangeError,
    "there is no nowhere",
  );
  await assertRejects(
    () => findTests(["tests/_check.ts"]),
    RangeError,
    "holds no test and no example",
  );
});

Deno.test("planJobs() plans processes for all test files and all examples", async () => {
  await inFolder(async (folder) => {
    const files = await findTests();
    const tests = await groupTests(files, folder);
    const examples = await groupExamples(files, folder);
    const jobs = planJobs({ files, tests, examples }, ["--filter=a"]);
    const planned = jobs.flatMap(({ args }) =>
      args.filter((arg) => !arg.startsWith("-")).slice(1)
    );
    assertEquals(
      planned.sort(),
      [...tests, ...examples].map(({ file }) => file).sort(),
    );
    const inGroups = (groups: readonly { paths: readonly string[] }[]) =>
      groups.flatMap(({ paths }) => paths).sort();
    const paths = (isOfTests: boolean) =>
      files.filter(({ tests }) => tests === isOfTests)
        .map(({ path }) => path).sort();
    assertEquals(inGroups(tests), paths(true));
    assertEquals(inGroups(examples), paths(false));
    for (const { args } of jobs) {
      assertEquals(args.includes("--filter=a"), true);
    }
    const alone = tests.filter(({ paths }) => paths.length === 1);
    assertEquals(alone.every(({ file, paths }) => file === paths[0]), true);
    assert(alone.some(({ file }) => file === "tests/engine/gpu/lost_test.ts"));
    assert(tests.length < paths(true).length / 2);
  });
});

Deno.test("a file that changes what others see runs alone", () => {
  assert(needsItsOwn('Deno.env.set("A", "b");'));
  assert(needsItsOwn("const device = await openDevice({ limits });"));
  assert(!needsItsOwn("const device = await initialize();"));
});

Deno.test("files that share a process have their own names and times", async () => {
  await inFolder(async (folder) => {
    const text = (name: string) =>
      `Deno.test("${name}", () => {});\n` +
      `Deno.test({ name: "${name} 2", fn: async (t) => {\n` +
      `  await t.step("a step", () => {});\n} });\n` +
      `Deno.test(function ${name}3() {});\n`;
    for (const name of ["a", "b"]) {
      await Deno.writeTextFile(`${folder}/${name}_test.ts`, text(name));
    }
    const paths = [`${folder}/a_test.ts`, `${folder}/b_test.ts`];
    const [group, ...others] = await writeGroups(paths, new Set(), folder);
    assert(group && others.length === 0);
    assertEquals(group.paths, paths);
    const report = `${folder}/report.xml`;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", `--junit-path=${report}`, group.file],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stdout));
    const xml = await Deno.readTextFile(report);
    assertEquals(countJUnit(xml), { passed: 6, failed: 0, skipped: 0 });
    const seconds = secondsByFile(xml, paths, 10);
    assertEquals([...seconds.keys()], paths);
    const total = [...seconds.values()].reduce((sum, x) => sum + x, 0);
    assertAlmostEquals(total, 10, 1e-9);
    const alone = await writeGroups(paths, new Set(paths.slice(1)), folder);
    assertEquals(alone.map(({ file }) => file), paths.toReversed());
  });
});

Deno.test("secondsByFile() shares out what is not a test's", () => {
  const xml = '<testcase name="a &gt; x" classname="c" time="2.0" line="1">' +
    '<testcase name="b &gt; y" classname="c" time="1.0" line="1">' +
    '<testcase name="a &gt; z &gt; step" classname="c" time="0.5" line="1">';
  assertEquals(
    [...secondsByFile(xml, ["a", "b"], 5.5)],
    [["a", 3.5], ["b", 2]],
  );
});

Deno.test("examplesIn() finds the blocks that run, with their lines", () => {
  const block = (info: string, code: string) =>
    ["```" + info, code, "```"].join("\n");
  const text = [
    "# Title",
    block("ts", "a();"),
    block("ts ignore", "b();"),
    block("sh", "c"),
    block("typescript", "d();"),
  ].join("\n");
  assertEquals(examplesIn("a.md", text), [
    { name: "a.md:2", code: "a();\n" },
    { name: "a.md:11", code: "d();\n" },
  ]);
  const comment = ["const x = 1;", "/**", " * Words.", " *"]
    .concat(
      block("ts", "if (y) {\n  e();\n}").split("\n").map((line) =>
        ` * ${line}`
      ),
      " */",
      "/* ```ts",
      "no();",
      "``` */",
    ).join("\n");
  assertEquals(examplesIn("a.ts", comment), [
    { name: "a.ts:5", code: "if (y) {\n  e();\n}\n" },
  ]);
});

Deno.test("findGpuTests() finds every test of the GPU except those left out", async () => {
  const files = await findGpuTests(
    ["tests/engine", "tests/nn", "tests/swag", "tests/models", "tests/cli"],
    new Map([["tests/engine/tuning/tuning_test.ts", "slow"]]),
  );
  const has = (name: string) => files.includes(`tests/${name}_test.ts`);
  assertEquals(
    [
      "nn/trainer",
      "engine/capture/capture",
      "swag/golden",
      "models/architectures/bert",
    ].map(has),
    [true, true, true, true],
  );
  assertEquals(
    ["engine/tuning/tuning", "models/tokenizer/json", "cli/manners"]
      .map(has),
    [false, false, false],
  );
});

Deno.test("findPageTests() finds tests that expect errors of the GPU, unless they need Deno", async () => {
  const files = await findPageTests();
  const has = (name: string) => files.includes(`tests/${name}_test.ts`);
  assertEquals(
    [
      "nn/trainer",
      "models/architectures/bert",
      "engine/gpu/stream",
      "engine/gpu/backend",
    ].map(has),
    [true, true, true, false],
  );
  for (const path of files) {
    assert(runsOnPage(await Deno.readTextFile(path)), path);
  }
  assertEquals(
    [
      `Deno.test("a", async () => await Deno.readFile(path))`,
      `Deno.test("a", () => Deno.inspect(1))`,
      `import { inspect } from "node:util"; Deno.test("a", () => {})`,
    ].map(runsOnPage),
    [true, false, false],
  );
});

Deno.test("listSlowest() lists ten files, the slowest first", () => {
  const times = Array.from({ length: 12 }, (_, i) => ({
    name: `tests/${i}_test.ts`,
    seconds: i < 6 ? i + 0.04 : i,
  }));
  assertEquals(listSlowest(times), [
    "The slowest files:",
    "11.0 s  tests/11_test.ts",
    "10.0 s  tests/10_test.ts",
    " 9.0 s  tests/9_test.ts",
    " 8.0 s  tests/8_test.ts",
    " 7.0 s  tests/7_test.ts",
    " 6.0 s  tests/6_test.ts",
    " 5.0 s  tests/5_test.ts",
    " 4.0 s  tests/4_test.ts",
    " 3.0 s  tests/3_test.ts",
    " 2.0 s  tests/2_test.ts",
  ]);
});

Deno.test("listSlowest() lists fewer files if fewer ran, and never a single one", () => {
  const times = [{ name: "a", seconds: 1 }, { name: "b", seconds: 2.25 }];
  assertEquals(listSlowest(times), [
    "The slowest files:",
    "2.3 s  b",
    "1.0 s  a",
  ]);
  assertEquals(listSlowest(times.slice(1)), []);
  assertEquals(listSlowest([]), []);
});

Deno.test("runJobs() times no job without tests", async () => {
  const job = { name: "types", args: ["eval", "0"], counted: false };
  const { times } = await runJobs([job], { print: () => {} });
  assertEquals(times, []);
});

/** Runs scripts as jobs, and returns what is printed. */
async function runScripts(
  command: "test" | "run",
  scripts: Record<string, string>,
  limit = 60,
) {
  return await inFolder(async (folder) => {
    const jobs: Job[] = [];
    for (const [name, text] of Object.entries(scripts)) {
      const path = `${folder}/${name}_test.ts`;
      await Deno.writeTextFile(path, text);
      jobs.push({
        name,
        args: [command, "--no-check", "--no-config", "-A", path],
      });
    }
    const lines: string[] = [];
    const print = (text: string) => lines.push(...text.split("\n"));
    const { counts, times } = await runJobs(jobs, { atOnce: 2, limit, print });
    return { lines, counts, times };
  });
}

Deno.test("runJobs() counts tests, and shows the output of those that failed", async () => {
  const { lines, counts, times } = await runScripts("test", {
    good: `Deno.test("a", () => {}); Deno.test("b", () => {});`,
    bad:
      `Deno.test("a", () => {}); Deno.test("b", () => { throw new Error("why") });`,
    broken: `import "./missing.ts";`,
  });
  assertEquals(counts, { passed: 3, failed: 2, skipped: 0 });
  assertEquals(times.map(({ name }) => name).sort(), ["bad", "broken", "good"]);
  assertEquals(times.every(({ seconds }) => seconds > 0), true);
  const text = lines.join("\n");
  const time = String.raw`\d+\.\d s`;
  assertMatch(text, new RegExp(`^ok   good \\(2 passed, ${time}\\)$`, "m"));
  assertMatch(
    text,
    new RegExp(`^FAIL bad \\(1 passed, 1 failed, ${time}\\)$`, "m"),
  );
  assertMatch(
    text,
    new RegExp(`^FAIL broken .*1 failed, ${time}\\): ended with code 1$`, "m"),
  );
  assertEquals(lines.filter((line) => line.includes("Error: why")).length, 1);
  const end = lines.slice(lines.indexOf("Failed:") + 1);
  assertEquals(end.map((line) => line.slice(0, 7)).sort(), [
    "FAIL ba",
    "FAIL br",
  ]);
});

Deno.test("runJobs() counts a process that dies after its tests as a failure", async () => {
  const { lines, counts } = await runScripts("run", {
    dies: `
      const report = Deno.args[0].slice("--junit-path=".length);
      Deno.writeTextFileSync(report, ${JSON.stringify(PASSED)});
      Deno.kill(Deno.pid, "SIGABRT");`,
  });
  assertEquals(counts, { passed: 1, failed: 1, skipped: 0 });
  assertMatch(lines.at(-1) ?? "", /died of SIGABRT after all its tests/);
});

Deno.test({
  name:
    "runJobs() ends a process that takes too long, with all that it started",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const file = await Deno.makeTempFile();
    try {
      const { lines, counts } = await runScripts("run", {
        hangs: `
        const child = new Deno.Command("sleep", { args: ["600"] }).spawn();
        Deno.writeTextFileSync(${JSON.stringify(file)}, String(child.pid));
        await child.status;`,
      }, 2);
      assertEquals(counts, { passed: 0, failed: 1, skipped: 0 });
      assertMatch(lines.at(-1) ?? "", /took too long, and was ended/);
      const stat = `/proc/${await Deno.readTextFile(file)}/stat`;
      const state = await Deno.readTextFile(stat).catch(() => "gone");
      assertMatch(state, /^gone$|\) Z /);
    } finally {
      await Deno.remove(file);
    }
  },
});

Deno.test({
  name: "runJobs() ends all processes when it is asked to end",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const file = await Deno.makeTempFile();
    try {
      const module = new URL("../../tools/test/processes.ts", import.meta.url);
      const sleeper = `
        Deno.writeTextFileSync(${JSON.stringify(file)}, Deno.pid + "\\n",
          { append: true });
        await new Promise((resolve) => setTimeout(resolve, 600_000));`;
      const runner = new Deno.Command(Deno.execPath(), {
        args: [
          "eval",
          `import { runJobs } from ${JSON.stringify(module.href)};
          const job = { name: "sleeps", counted: false,
            args: ["eval", ${JSON.stringify(sleeper)}] };
          const { interrupted } = await runJobs([job, job, job], { atOnce: 2 });
          Deno.exit(interrupted ? 7 : 0);`,
        ],
        stdout: "null",
        stderr: "null",
      }).spawn();
      const pids = async () =>
        (await Deno.readTextFile(file)).split("\n").filter(Boolean);
      while ((await pids()).length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      runner.kill("SIGINT");
      assertEquals((await runner.status).code, 7);
      for (const pid of await pids()) {
        const state = await Deno.readTextFile(`/proc/${pid}/stat`)
          .catch(() => "gone");
        assertMatch(state, /^gone$|\) Z /);
      }
      assertEquals((await pids()).length, 2, "the third never started");
    } finally {
      await Deno.remove(file);
    }
  },
});

Deno.test("a test process leaves no device behind", async () => {
  const path = await Deno.makeTempFile({ suffix: "_test.ts" });
  try {
    await Deno.writeTextFile(
      path,
      `const adapter = await navigator.gpu.requestAdapter();
      const device = await adapter.requestDevice();
      let isLost = false;
      device.lost.then(() => isLost = true);
      Deno.test("opens a device", () => {});
      addEventListener("unload", () => console.log("lost:", isLost));`,
    );
    const outputs = [];
    for (const flags of [[], [LEAVE_CLEANLY]]) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "--no-check", ...flags, path],
        env: { NO_COLOR: "1" },
      }).output();
      outputs.push(/lost: \w+/.exec(new TextDecoder().decode(stdout))?.[0]);
    }
    assertEquals(outputs, ["lost: false", "lost: true"]);
  } finally {
    await Deno.remove(path);
  }
});
