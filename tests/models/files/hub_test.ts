// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { readAll } from "../../../engine/mod.ts";
import { BertForSequenceClassification } from "../../../models/architectures/bert.ts";
import {
  checkFileName,
  pathInFolder,
  type ResolvedFiles,
  resolveFiles,
  type ResolveOptions,
} from "../../../models/files/hub.ts";
import { HubRequests } from "../../../models/files/hub_requests.ts";
import { gpuTest } from "../../_check.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS = "not really weights".repeat(100);

/** What the imitated hub holds: small files, and one kept as large files are. */
const FILES: Record<string, string> = {
  "config.json": '{"model_type": "bert"}',
  "vocab.txt": "[PAD]\n",
  "README.md": "# read me",
  "onnx/model.onnx": "another format",
  "pytorch_model.bin": "an old format",
  "model.safetensors": WEIGHTS,
};

interface Hub {
  /** What it holds. */
  files: Record<string, string | Uint8Array<ArrayBuffer>>;
  endpoint: string;
  requests: string[];
  /** What the next weights are replaced by. */
  weights: string;
  /** What every request is answered by, if anything. */
  status: number | null;
  listing: string[];
  /** Whether small files are known by Git's hash, as on the hub itself. */
  git?: boolean;
  /** The file that is answered with another letter in it. */
  corrupt?: string;
  /** What never comes to an end. */
  stall?: "answer" | "body" | "weights" | "drip" | null;
  /** How many requests are to be told that the hub is busy. */
  busy?: number;
  /** The answer to the first question. */
  body?: string;
}

/** A body that begins, and then brings nothing or a byte now and then. */
function endless(every?: number): Response {
  let timer: ReturnType<typeof setInterval> | undefined;
  return new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([0x7b]));
        if (every === undefined) return;
        timer = setInterval(
          () => controller.enqueue(new Uint8Array([0x20])),
          every,
        );
      },
      cancel: () => clearInterval(timer),
    }),
  );
}

function hashOf(
  kind: "sha1" | "sha256",
  text: string | Uint8Array,
): string {
  return createHash(kind).update(text).digest("hex");
}

function describe(hub: Hub, path: string): Record<string, unknown> {
  const text = hub.files[path] ?? "";
  const file = {
    type: "file",
    path,
    size: text.length,
    oid: hub.git
      ? hashOf("sha1", `blob ${text.length}\0${text}`)
      : hashOf("sha1", text),
  };
  if (!path.endsWith(".safetensors")) return file;
  const lfs = {
    oid: hashOf("sha256", text),
    size: text.length,
    pointerSize: 9,
  };
  return { ...file, lfs };
}

/** The endpoints of the hub that a download asks. */
async function answer(request: Request, hub: Hub): Promise<Response> {
  const { pathname } = new URL(request.url);
  hub.requests.push(`${request.method} ${pathname}`);
  const token = request.headers.get("authorization");
  if (hub.busy) {
    hub.busy--;
    return new Response("", { status: 503, headers: { "retry-after": "0" } });
  }
  if (hub.stall === "answer") {
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  if (hub.stall === "body") return endless();
  if (hub.stall === "drip") return endless(10);
  if (hub.status !== null) return new Response("no", { status: hub.status });
  if (pathname.startsWith("/api/models/owner/gated/")) {
    if (token !== "Bearer hf_secret") {
      return Response.json({ error: "Access is restricted" }, { status: 401 });
    }
  } else if (!pathname.includes("owner/tiny/")) {
    return Response.json({ error: "Repository not found" }, { status: 404 });
  }
  const revision = /\/(?:revision|resolve|paths-info)\/([^/]+)/
    .exec(pathname)?.[1] ?? "";
  if (!["main", "v1", COMMIT].includes(decodeURIComponent(revision))) {
    return Response.json({ error: "Invalid rev id" }, { status: 404 });
  }
  if (pathname.includes("/revision/")) {
    if (hub.body !== undefined) return new Response(hub.body);
    return Response.json({
      _id: "1",
      id: "owner/tiny",
      sha: COMMIT,
      lastModified: "2026-01-01T00:00:00.000Z",
      siblings: hub.listing.map((rfilename) => ({ rfilename })),
    });
  }
  if (pathname.includes("/paths-info/")) {
    const { paths }: { paths: string[] } = await request.json();
    return Response.json(paths.map((path) => describe(hub, path)));
  }
  const path = pathname.split(`/resolve/${revision}/`)[1] ?? "";
  const text = path === "model.safetensors"
    ? hub.weights
    : hub.files[path] ?? "";
  const ranged = request.headers.get("range") === "bytes=0-0";
  if (hub.stall === "weights" && !ranged) return endless();
  if (hub.corrupt === path && typeof text === "string" && !ranged) {
    return new Response(text.replace("b", "c"));
  }
  const etag = `"${hashOf("sha1", text)}"`;
  if (request.headers.get("range") !== "bytes=0-0") return new Response(text);
  return new Response(text.slice(0, 1), {
    status: 206,
    headers: { etag, "content-range": `bytes 0-0/${text.length}` },
  });
}

async function withHub(
  body: (
    hub: Hub,
    resolve: (id: string, options?: ResolveOptions) => Promise<ResolvedFiles>,
    cache: string,
  ) => Promise<void>,
): Promise<void> {
  const cacheFolder = await Deno.makeTempDir();
  const hub: Hub = {
    files: FILES,
    endpoint: "",
    requests: [],
    weights: WEIGHTS,
    status: null,
    listing: Object.keys(FILES),
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answer(request, hub),
  );
  hub.endpoint = `http://127.0.0.1:${server.addr.port}`;
  try {
    await body(hub, (id, options = {}) =>
      resolveFiles(id, {
        endpoint: `${hub.endpoint}/`,
        cacheFolder,
        offline: false,
        ...options,
      }), cacheFolder);
  } finally {
    await Deno.remove(cacheFolder, { recursive: true });
  }
}

/** Every file below a folder. */
function tree(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${prefix}`)].flatMap((entry) =>
    entry.isDirectory
      ? tree(folder, `${prefix}${entry.name}/`)
      : [`${prefix}${entry.name}`]
  ).sort();
}

Deno.test("resolveFiles() downloads into the cache that Python shares", async () => {
  await withHub(async (hub, resolve, cache) => {
    const found = await resolve("owner/tiny");
    const root = "models--owner--tiny";
    assertEquals(found.folder, `${cache}/${root}/snapshots/${COMMIT}`);
    assertEquals(found.files, [
      "config.json",
      "vocab.txt",
      "model.safetensors",
    ]);
    assert(found.missing.includes("tokenizer.json"));
    assertEquals(
      tree(cache),
      [
        `${root}/blobs/${hashOf("sha1", FILES["config.json"] ?? "")}`,
        `${root}/blobs/${hashOf("sha1", FILES["vocab.txt"] ?? "")}`,
        `${root}/blobs/${hashOf("sha256", WEIGHTS)}`,
        `${root}/refs/main`,
        ...found.files.map((name) => `${root}/snapshots/${COMMIT}/${name}`),
      ].sort(),
    );
    assertEquals(await Deno.readTextFile(`${cache}/${root}/refs/main`), COMMIT);
    const weights = `${found.folder}/model.safetensors`;
    assertEquals(await Deno.readTextFile(weights), WEIGHTS);
    assertEquals(
      await Deno.readLink(weights),
      `../../blobs/${hashOf("sha256", WEIGHTS)}`,
    );

    hub.requests.length = 0;
    assertEquals(await resolve("owner/tiny"), found);
    assertEquals(hub.requests, ["GET /api/models/owner/tiny/revision/main"]);
    // What was downloaded is a local folder like any other.
    const local = await resolveFiles(found.folder, { files: found.files });
    assertEquals(local.files, found.files);
  });
});

Deno.test("resolveFiles() takes the files asked for, in folders too", async () => {
  await withHub(async (_hub, resolve) => {
    const { folder, files, missing } = await resolve("owner/tiny", {
      revision: "v1",
      files: ["onnx/model.onnx"],
      optionalFiles: ["README.md", "absent.txt"],
    });
    assertEquals(files, ["onnx/model.onnx", "README.md"]);
    assertEquals(missing, ["absent.txt"]);
    assertEquals(
      await Deno.readTextFile(`${folder}/onnx/model.onnx`),
      "another format",
    );
    await assertRejects(
      () => resolve("owner/tiny", { files: ["config.json", "absent.txt"] }),
      Deno.errors.NotFound,
      "Cannot download owner/tiny at main: it lacks absent.txt",
    );
  });
});

Deno.test("resolveFiles() prefers safetensors, whole or in parts", async () => {
  await withHub(async (hub, resolve) => {
    const parts = [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ];
    hub.listing = ["config.json", "pytorch_model.bin", ...parts];
    const whole = await resolve("owner/tiny");
    assertEquals(whole.files, ["config.json", ...parts]);
    hub.listing = ["config.json", "pytorch_model.bin"];
    const { files } = await resolve("owner/tiny");
    assertEquals(files, ["config.json", "pytorch_model.bin"]);
    const folder = await Deno.makeTempDir();
    for (const name of ["config.json", "pytorch_model.bin", ...parts]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    const local = await resolveFiles(folder);
    assertEquals(local.files, ["config.json", ...parts]);
    await Deno.remove(folder, { recursive: true });
  });
});

Deno.test("resolveFiles() takes one kind of weights, the first that is whole", async () => {
  await withHub(async (hub, resolve) => {
    const kinds = [
      ["model.safetensors"],
      ["model-00001-of-00001.safetensors", "model.safetensors.index.json"],
      ["pytorch_model.bin"],
      ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
    ];
    hub.files = Object.fromEntries(
      ["config.json", ...kinds.flat()].map((name) => [name, name]),
    );
    hub.weights = "model.safetensors";
    // A part whose index is not there says nothing.
    const stray = kinds[1]?.[0] ?? "";
    for (let i = 0; i < kinds.length; i++) {
      const left = kinds.slice(i).flat();
      hub.listing = ["config.json", stray, ...left.filter((n) => n !== stray)];
      const { files } = await resolve("owner/tiny");
      assertEquals(files.toSorted(), ["config.json", ...kinds[i] ?? []].sort());
    }
    hub.listing = ["config.json", stray];
    assertEquals((await resolve("owner/tiny")).files, ["config.json"]);
  });
});

gpuTest("fromPretrained() fetches the parts that an index names", async () => {
  const fixtures = new URL("../../fixtures/", import.meta.url).pathname;
  const source = `${fixtures}models/bert_seq_cls`;
  const folder = await Deno.makeTempDir();
  const model = await BertForSequenceClassification.fromPretrained(source);
  await model.savePretrained(folder, { maxShardSize: "50KB" });
  // The index may call its parts as it likes.
  const index = "model.safetensors.index.json";
  const odd = await Deno.readTextFile(`${folder}/${index}`);
  await Deno.writeTextFile(
    `${folder}/${index}`,
    odd.replaceAll("model-00001-of-", "first-of-"),
  );
  for (const name of tree(folder)) {
    if (!name.startsWith("model-00001-of-")) continue;
    const other = name.replace("model-00001-of-", "first-of-");
    await Deno.rename(`${folder}/${name}`, `${folder}/${other}`);
  }
  const names = tree(folder);
  assert(names.length > 3 && names[1]?.startsWith("first-of-"));
  const expected = await readAll([...model.namedTensors().values()]);
  model.dispose();
  await withHub(async (hub, _resolve, cacheFolder) => {
    hub.files = {};
    for (const name of names) {
      hub.files[name] = await Deno.readFile(`${folder}/${name}`);
    }
    hub.listing = ["README.md", "pytorch_model.bin", ...names];
    const options = { endpoint: hub.endpoint, cacheFolder, offline: false };
    const load = () =>
      BertForSequenceClassification.fromPretrained("owner/tiny", options);
    const loaded = await load();
    const values = await readAll([...loaded.namedTensors().values()]);
    assertEquals(values, expected);
    loaded.dispose();
    const kept = tree(cacheFolder).filter((name) =>
      name.includes("/snapshots/")
    );
    assertEquals(kept.map((name) => name.split("/").at(-1)), names);
    hub.listing = hub.listing.filter((name) => !name.startsWith("model-00002"));
    await Deno.remove(cacheFolder, { recursive: true });
    await assertRejects(
      load,
      Deno.errors.NotFound,
      "Cannot download owner/tiny at main: it lacks model-00002-of-",
    );
  });
  await Deno.remove(folder, { recursive: true });
});

gpuTest(
  "fromPretrained() says that a repository holds no weights",
  async () => {
    await withHub(async (hub, _resolve, cacheFolder) => {
      hub.listing = ["config.json", "README.md"];
      await assertRejects(
        () =>
          BertForSequenceClassification.fromPretrained("owner/tiny", {
            endpoint: hub.endpoint,
            cacheFolder,
            offline: false,
          }),
        Deno.errors.NotFound,
        "it has none of model.safetensors, model.safetensors.index.json, " +
          "pytorch_model.bin, pytorch_model.bin.index.json",
      );
    });
  },
);

Deno.test("resolveFiles() says that a repository is missing or needs a token", async () => {
  await withHub(async (hub, resolve) => {
    await assertRejects(
      () => resolve("owner/absent"),
      Deno.errors.NotFound,
      "Cannot download owner/absent at main: there is no such repository or " +
        "revision",
    );
    await assertRejects(
      () => resolve("owner/tiny", { revision: "v9" }),
      Deno.errors.NotFound,
      "Cannot download owner/tiny at v9",
    );
    await assertRejects(
      () => resolve("owner/gated"),
      Deno.errors.PermissionDenied,
      "Cannot download owner/gated at main: it does not exist, or is private " +
        "or gated (status 401): pass a token that has access",
    );
    hub.listing = [];
    await assertRejects(
      () => resolve("owner/gated", { token: "hf_secret" }),
      Deno.errors.NotFound,
      "it lacks config.json",
    );
  });
});

Deno.test("resolveFiles() makes do with the cache where the hub does not answer", async () => {
  await withHub(async (hub, resolve, cache) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const dead = { endpoint: `http://127.0.0.1:${listener.addr.port}` };
    listener.close();
    await assertRejects(
      () => resolve("owner/tiny", dead),
      Error,
      `Cannot download owner/tiny at main: ${dead.endpoint} cannot be reached`,
    );
    await assertRejects(
      () => resolve("owner/tiny", { offline: true }),
      Error,
      `(the network is switched off) and ${cache} does not hold it`,
    );
    const found = await resolve("owner/tiny");
    for (
      const options of [dead, { offline: true }, { revision: COMMIT, ...dead }]
    ) {
      const again = await resolve("owner/tiny", options);
      assertEquals([again.folder, again.files], [found.folder, found.files]);
    }
    hub.status = 503;
    assertEquals((await resolve("owner/tiny")).folder, found.folder);
    await assertRejects(
      () => resolve("owner/tiny", { files: ["README.md"] }),
      Deno.errors.NotFound,
      "it lacks README.md",
    );
  });
});

Deno.test("resolveFiles() keeps nothing of a download that is cut off or altered", async () => {
  await withHub(async (hub, resolve, cache) => {
    const weights = (): string[] =>
      tree(cache).filter((name) =>
        name.includes(hashOf("sha256", WEIGHTS)) || name.endsWith(".tmp")
      );
    hub.weights = WEIGHTS.slice(1);
    await assertRejects(
      () => resolve("owner/tiny"),
      Error,
      "Cannot download model.safetensors of owner/tiny: 1799 bytes came, " +
        "expected 1800",
    );
    assertEquals(weights(), []);
    hub.weights = WEIGHTS.replace("not", "NOT");
    await assertRejects(
      () => resolve("owner/tiny"),
      Error,
      "what came has another checksum",
    );
    assertEquals(weights(), []);
    // What a download left that was killed long ago, and what one has now.
    const blobs = `${cache}/models--owner--tiny/blobs`;
    const [old, now] = ["old", "now"].map((mark) =>
      `${hashOf("sha256", WEIGHTS)}.${mark}.tmp`
    );
    for (const name of [old, now]) {
      await Deno.writeTextFile(`${blobs}/${name}`, "x");
    }
    await Deno.utime(`${blobs}/${old}`, 0, 0);
    hub.weights = WEIGHTS;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
    assertEquals(
      tree(blobs).filter((name) => name.endsWith(".tmp")),
      [now],
    );
  });
});

Deno.test("resolveFiles() refuses names that lead out of the folder", async () => {
  await withHub(async (hub, resolve) => {
    const names = [
      "../x",
      "a/../../x",
      "/etc/passwd",
      "..",
      "",
      "a//b",
      "./a",
      "C:\\x",
      "c:x",
      "a\\..\\b",
      "a\0b",
    ];
    for (const name of names) {
      assertThrows(
        () => checkFileName(name),
        TypeError,
        `Cannot use the file name ${JSON.stringify(name)}: it must be a path ` +
          "inside the model's folder",
      );
      await assertRejects(
        () => resolve("owner/tiny", { files: [name] }),
        TypeError,
      );
      hub.listing = ["config.json", name];
      await assertRejects(() => resolve("owner/tiny"), TypeError);
    }
    checkFileName("a/b.c/model-1_2.txt");
    checkFileName("..a");
    for (
      const id of ["owner/../tiny", "../tiny", "a/b/c", "./tiny", "a b", ""]
    ) {
      await assertRejects(
        () => resolve(id),
        Deno.errors.NotFound,
        `Cannot find ${id}: it is neither a folder nor the id of a hub repository`,
      );
    }
    await assertRejects(
      () => resolve("owner/tiny", { revision: "../../x" }),
      TypeError,
    );
  });
});

Deno.test("resolveFiles() takes a local folder as it is, links out of it excepted", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/model`);
  await Deno.writeTextFile(`${folder}/secret`, "outside");
  const model = `${folder}/model`;
  await assertRejects(
    () => resolveFiles(model),
    Deno.errors.NotFound,
    `Cannot load a model from ${model}: it lacks config.json`,
  );
  await Deno.writeTextFile(`${model}/config.json`, "{}");
  await Deno.symlink("config.json", `${model}/vocab.txt`);
  assertEquals(await resolveFiles(model, { optionalFiles: ["vocab.txt"] }), {
    folder: model,
    files: ["config.json", "vocab.txt"],
    missing: [],
  });
  await Deno.symlink("../secret", `${model}/model.safetensors`);
  await assertRejects(
    () => resolveFiles(model),
    TypeError,
    `Cannot read ${model}/model.safetensors: it is a link that leads out of ` +
      "the folder",
  );
  await assertRejects(() => pathInFolder(model, "../secret"), TypeError);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("resolveFiles() checks small files by Git's hash", async () => {
  await withHub(async (hub, resolve) => {
    hub.git = true;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
    hub.corrupt = "config.json";
    const other = `${await Deno.makeTempDir()}`;
    await assertRejects(
      () => resolve("owner/tiny", { cacheFolder: other }),
      Error,
      "Cannot download config.json of owner/tiny: what came has another checksum",
    );
    await Deno.remove(other, { recursive: true });
  });
});

Deno.test("resolveFiles() works with a complete cache that cannot be written to", async () => {
  await withHub(async (hub, resolve, cache) => {
    const found = await resolve("owner/tiny");
    const reference = `${cache}/models--owner--tiny/refs/main`;
    const { mtime } = await Deno.stat(reference);
    assertEquals(await resolve("owner/tiny"), found);
    assertEquals((await Deno.stat(reference)).mtime, mtime);
    // A folder in its place cannot be replaced by a file.
    await Deno.remove(reference);
    await Deno.mkdir(`${reference}/x`, { recursive: true });
    const warnings: string[] = [];
    const host = globalThis.console;
    const { warn } = host;
    host.warn = (text: string) => warnings.push(text);
    try {
      assertEquals(await resolve("owner/tiny"), found);
    } finally {
      host.warn = warn;
    }
    assertEquals(warnings.length, 1);
    assert(warnings[0]?.includes(`Cannot remember that main is ${COMMIT}`));
    assertEquals(hub.requests.filter((r) => r.includes("/resolve/")).length, 6);
  });
});

Deno.test("resolveFiles() ends by itself where the hub stalls, and when it is told to", async () => {
  await withHub(async (hub, resolve) => {
    for (const stall of ["answer", "body", "weights", "drip"] as const) {
      hub.stall = stall;
      const start = performance.now();
      await assertRejects(
        () => resolve("owner/tiny", { timeout: 100 }),
        Error,
        `Cannot download owner/tiny at main: ${hub.endpoint} cannot be reached ` +
          "(fewer than 1024 bytes came in 0.1 s)",
      );
      assert(performance.now() - start < 5000, stall);
    }
    hub.stall = "body";
    await assertRejects(
      () => resolve("owner/tiny", { signal: AbortSignal.timeout(50) }),
      DOMException,
      "due to timeout",
    );
    const reason = new Error("no more");
    await assertRejects(
      () => resolve("owner/tiny", { signal: AbortSignal.abort(reason) }),
      Error,
      "no more",
    );
    for (const timeout of [0, -1, NaN, 2 ** 31]) {
      await assertRejects(
        () => resolve("owner/tiny", { timeout }),
        RangeError,
        `Cannot wait ${timeout} ms for the hub`,
      );
    }
    hub.stall = null;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
  });
});

Deno.test("a body that a signal does not end is read no further", async () => {
  const { fetch } = globalThis;
  const reason = new Error("no more");
  try {
    // What Deno does now and then, where bytes come along with the signal.
    globalThis.fetch = () => Promise.resolve(endless(20));
    for (const stopped of [false, true]) {
      const stop = new AbortController();
      const requests = new HubRequests({
        timeout: stopped ? 10_000 : 100,
        signal: stop.signal,
      });
      const response = await requests.fetch("http://hub");
      if (stopped) setTimeout(() => stop.abort(reason), 50);
      const start = performance.now();
      await assertRejects(
        () => response.text(),
        Error,
        stopped ? "no more" : "fewer than 1024 bytes came in 0.1 s",
      );
      assert(performance.now() - start < 2000);
    }
  } finally {
    globalThis.fetch = fetch;
  }
});

Deno.test("resolveFiles() asks a busy hub again", async () => {
  await withHub(async (hub, resolve) => {
    hub.busy = 2;
    assertEquals((await resolve("owner/tiny")).files.length, 3);
    hub.busy = 3;
    const again = await resolve("owner/tiny");
    assertEquals(again.files.length, 3); // From the cache.
  });
});

Deno.test("resolveFiles() names the repository and the address of an odd hub", async () => {
  await withHub(async (hub, resolve) => {
    const odd: [string, string][] = [
      ["", "it is not JSON"],
      ["<html></html>", "it is not JSON"],
      ["null", "it has another form"],
      ["[]", "it names the commit nowhere"],
      [`{"sha": "${COMMIT}", "siblings": {}}`, "it has another form"],
      [`{"sha": "${COMMIT}", "siblings": [null]}`, "it has another form"],
      [
        `{"sha": "${COMMIT}", "siblings": [{}]}`,
        "it does not list the repository's files",
      ],
      ['{"sha": "main", "siblings": []}', 'it names the commit "main"'],
    ];
    for (const [body, reason] of odd) {
      hub.body = body;
      await assertRejects(
        () => resolve("owner/tiny"),
        SyntaxError,
        `Cannot download owner/tiny at main: ${hub.endpoint} gave an answer ` +
          `that is not a hub's: ${reason}`,
      );
    }
    hub.body = `{"sha": "${COMMIT}", "siblings": null}`;
    await assertRejects(
      () => resolve("owner/tiny"),
      Deno.errors.NotFound,
      "Cannot download owner/tiny at main: it lacks config.json",
    );
  });
});

Deno.test("resolveFiles() says that a mistyped folder is not there", async () => {
  await withHub(async (_hub, resolve) => {
    await assertRejects(
      () => resolve("nope"),
      Deno.errors.NotFound,
      "Cannot download nope at main: there is no folder nope here, and there " +
        "is no such repository or revision",
    );
    await assertRejects(
      () => resolve("nope", { offline: true }),
      Error,
      "Cannot download nope at main: there is no folder nope here, and http",
    );
  });
});

Deno.test("resolveFiles() says that a file is none of its folders", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/model.safetensors`;
  await Deno.writeTextFile(file, "");
  const { NotFound } = Deno.errors;
  await assertRejects(
    () => resolveFiles(file),
    NotFound,
    "model.safetensors: it is a file, expected the folder that holds it",
  );
  await assertRejects(
    () => resolveFiles(`${file}/x`),
    NotFound,
    "it is neither a folder nor the id of a hub repository",
  );
  await Deno.remove(folder, { recursive: true });
  // A name that might be a repository's.
  await assertRejects(
    () => resolveFiles("deno.json", { offline: true, cacheFolder: folder }),
    Error,
    "Cannot download deno.json at main: deno.json is a file here, expected a " +
      "folder, and http",
  );
});

Deno.test("resolveFiles() does not take a download that was cut off for the model", async () => {
  await withHub(async (hub, resolve) => {
    hub.weights = "not the weights";
    await assertRejects(() => resolve("owner/tiny"), Error, "Cannot download");
    hub.status = 404;
    const dead = { endpoint: "http://127.0.0.1:1", revision: COMMIT };
    await assertRejects(
      () => resolve("owner/tiny", dead),
      Deno.errors.NotFound,
      "was cut off before model.safetensors, and http://127.0.0.1:1 cannot",
    );
    hub.status = null;
    hub.weights = WEIGHTS;
    const found = await resolve("owner/tiny");
    assertEquals(await resolve("owner/tiny", dead), found);
  });
});

Deno.test("resolveFiles() opens nothing but files", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/config.json`, "{}");
  const made = await new Deno.Command("mkfifo", {
    args: [`${folder}/model.safetensors`],
  }).output().catch(() => null);
  if (made?.success) {
    await assertRejects(
      () => resolveFiles(folder),
      TypeError,
      `Cannot read ${folder}/model.safetensors: it is not a file`,
    );
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("resolveFiles() may be called several times at once", async () => {
  await withHub(async (_hub, resolve, cache) => {
    const all = await Promise.all(
      Array.from({ length: 5 }, () => resolve("owner/tiny")),
    );
    for (const found of all) assertEquals(found, all[0]);
    assertEquals(
      tree(cache).filter((name) => /tmp$|incomplete/.test(name)),
      [],
    );
  });
});
