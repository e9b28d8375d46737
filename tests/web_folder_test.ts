// Copyright 2026 the swagpu authors. MIT license.

// Models, tokenizers and posteriors that are loaded from a web server.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AutoSwagModelForSequenceClassification } from "../auto_swag.ts";
import { manualSeed, tensor } from "../engine/mod.ts";
import { filesDisk, mount, urlDisk } from "../host/mod.ts";
import {
  AutoModelForSequenceClassification,
  AutoTokenizer,
  BertForSequenceClassification,
  pipeline,
  resolveFiles,
} from "../models/mod.ts";
import { openSafetensors, writePyTorch } from "../nn/formats/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { free, sampled } from "./_auto_swag.ts";
import { assertClose, gpuTest, SUMS } from "./_check.ts";
import { inFolder } from "./_folder.ts";
import { collectAround } from "./_tiny_models.ts";
import { type Server, withServer } from "./host/_server.ts";
import { tree } from "./models/files/_hub.ts";
import { tinyConfig, tinyTokenizer } from "./models/pipelines/_tiny.ts";

const FIXTURES = new URL("fixtures/", import.meta.url).pathname;
const GOLDEN = `${FIXTURES}models/bert_seq_cls`;
const PYTHON = `${FIXTURES}swag_files/bert_seq_cls_prefix/saved`;

/** The files below a folder, by their paths on a server. */
async function filesIn(folder: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of await tree(folder)) {
    files[`/m/${name}`] = await Deno.readFile(`${folder}/${name}`);
  }
  return files;
}

/** Serves the files of a folder at `/m`. */
async function served(
  folder: string,
  body: (address: string, server: Server) => Promise<void>,
): Promise<void> {
  const files = await filesIn(folder);
  await withServer(files, (server) => body(`${server.root}/m`, server));
}

/** The logits for one row. */
async function logitsOf(
  model: BertForSequenceClassification,
): Promise<number[]> {
  const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
  return [...await model.forward({ inputIds }).logits.data()];
}

/** A model with random weights. */
function tinyModel(): BertForSequenceClassification {
  manualSeed(3);
  return new BertForSequenceClassification(tinyConfig()).eval();
}

gpuTest(
  "fromPretrained() of an address computes what transformers did",
  async () => {
    await served(GOLDEN, async (address, server) => {
      const model = await AutoModelForSequenceClassification.fromPretrained(
        address,
      );
      using golden = await openSafetensors(`${address}/golden.safetensors`);
      const integers = async (name: string) =>
        tensor(Int32Array.from((await golden.tensor(name)).data), {
          shape: golden.info(name).shape,
        });
      const { logits } = model.forward({
        inputIds: await integers("input.input_ids"),
        attentionMask: await integers("input.attention_mask"),
        tokenTypeIds: await integers("input.token_type_ids"),
      });
      const expected = (await golden.tensor("output.logits")).data;
      assertClose(await logits.data(), expected, SUMS);
      // Each file is asked for once, and nothing is asked for that is not needed.
      const asked = server.requests.filter((text) => text.startsWith("HEAD"));
      assertEquals(new Set(asked).size, asked.length);
      assert(!server.requests.some((text) => /partial|README/.test(text)));
      model.dispose();
    });
  },
);

gpuTest(
  "an address may hold weights in parts, of PyTorch or of safetensors, and a tokenizer",
  async () => {
    await inFolder(async (folder) => {
      const model = tinyModel();
      const expected = await logitsOf(model);
      await model.savePretrained(folder, {
        tokenizer: tinyTokenizer(),
        maxShardSize: 1_000,
      });
      const parts = await filesIn(folder);
      assert(Object.keys(parts).filter((name) => /-of-/.test(name)).length > 2);
      await Deno.remove(folder, { recursive: true });
      await model.savePretrained(folder, { tokenizer: tinyTokenizer() });
      await writePyTorch(
        `${folder}/pytorch_model.bin`,
        [...model.namedTensors()].map(([name, x]) => [
          name,
          { shape: x.shape, dtype: "F32", data: () => x.data() },
        ]),
      );
      const { "/m/pytorch_model.bin": _, ...one } = await filesIn(folder);
      await Deno.remove(`${folder}/model.safetensors`);
      const pickled = await filesIn(folder);
      for (const files of [parts, one, pickled]) {
        await withServer(files, async (server) => {
          for (const address of [`${server.root}/m`, `${server.root}/m/`]) {
            const again = await BertForSequenceClassification.fromPretrained(
              address,
            );
            assertEquals(await logitsOf(again), expected);
            const tokenizer = await AutoTokenizer.fromPretrained(address);
            assertEquals(tokenizer.encode("I like it").inputIds, [
              2,
              5,
              6,
              8,
              3,
            ]);
            again.dispose();
          }
          const classify = await pipeline(
            "text-classification",
            `${server.root}/m`,
          );
          assertEquals((await classify(["i like it"])).length, 1);
          classify.model.dispose();
        });
      }
      model.dispose();
    });
  },
);

gpuTest("a signed address keeps its query for every file", async () => {
  await served(GOLDEN, async (address, server) => {
    server.instead = ({ url }) =>
      new URL(url).search === "?key=a%2Fb&until=9"
        ? undefined
        : new Response(null, { status: 403 });
    const model = await AutoModelForSequenceClassification.fromPretrained(
      `${address}?key=a%2Fb&until=9`,
    );
    model.dispose();
    await assertRejects(
      () => AutoModelForSequenceClassification.fromPretrained(address),
      Deno.errors.NotFound,
      `Cannot load a model from ${address}: it lacks config.json (Cannot read ` +
        `${address}/config.json: the server does not allow it (status 403))`,
    );
  });
});

gpuTest(
  "a posterior is loaded from an address, around a model or beside it",
  async () => {
    await served(PYTHON, async (address) => {
      const [own, local] = [
        await AutoSwagModelForSequenceClassification.fromPretrained(address),
        await AutoSwagModelForSequenceClassification.fromPretrained(PYTHON),
      ];
      assertEquals(await sampled(own), await sampled(local));
      for (const swag of [own, local]) free(swag);
    });
    await inFolder(async (folder) => {
      const model = tinyModel();
      const swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: 3,
      });
      await collectAround(swag);
      await model.savePretrained(folder, {
        alongside: { "swag.safetensors": (path) => swag.save(path) },
      });
      await served(folder, async (address, server) => {
        const again = await AutoSwagModelForSequenceClassification
          .fromPretrained(
            address,
          );
        assertEquals(await sampled(again), await sampled(swag));
        const direct = await SwagModel.load(
          `${address}/swag.safetensors`,
          model,
        );
        assertEquals(await sampled(direct), await sampled(swag));
        direct.dispose();
        free(again);

        server.files.delete("/m/swag.safetensors");
        const unmount = mount(address, urlDisk());
        await assertRejects(
          () => AutoSwagModelForSequenceClassification.fromPretrained(address),
          TypeError,
          "there is no swag.safetensors beside the model",
        );
        unmount();
      });
      free(swag);
    });
  },
);

gpuTest("with the names of the files, nothing else is asked for", async () => {
  await served(GOLDEN, async (address, server) => {
    const unmount = mount(
      address,
      urlDisk({ files: ["config.json", "model.safetensors"] }),
    );
    const missing: string[] = [];
    const instead = ({ url, method }: Request) => {
      const { pathname } = new URL(url);
      if (!server.files.has(pathname)) missing.push(`${method} ${pathname}`);
      return undefined;
    };
    server.instead = instead;
    const model = await AutoModelForSequenceClassification.fromPretrained(
      address,
    );
    model.dispose();
    assertEquals(missing, []);
    unmount();
  });
});

gpuTest(
  "a model that is replaced on the server while it is loaded is loaded again",
  async () => {
    await inFolder(async (folder) => {
      const before = tinyModel();
      await before.savePretrained(folder);
      const old = await filesIn(folder);
      const after = tinyModel();
      after.classifier.weight.write(
        new Float32Array(after.classifier.weight.size).fill(0.25),
      );
      const expected = await logitsOf(after);
      await after.savePretrained(folder);
      const fresh = await filesIn(folder);
      await withServer(old, async (server) => {
        // The weights are replaced after the configuration has been read.
        server.instead = ({ method, url }) => {
          if (method === "GET" && url.endsWith("/m/model.safetensors")) {
            server.etag = '"2"';
            for (const [path, bytes] of Object.entries(fresh)) {
              server.files.set(path, new Uint8Array(bytes));
            }
          }
          return undefined;
        };
        const model = await BertForSequenceClassification.fromPretrained(
          `${server.root}/m`,
        );
        assertEquals(await logitsOf(model), expected);
        const reads = server.requests.filter((text) =>
          /GET .*model\.safetensors/.test(text)
        );
        assert(reads.length >= 2);
        for (const one of [before, after, model]) one.dispose();
      });
    });
  },
);

gpuTest("a server that fails is no model that lacks files", async () => {
  await served(GOLDEN, async (address, server) => {
    server.instead = ({ url }) =>
      url.endsWith("/model.safetensors")
        ? new Response(null, { status: 418 })
        : undefined;
    await assertRejects(
      () => AutoModelForSequenceClassification.fromPretrained(address),
      Error,
      `Cannot read ${address}/model.safetensors: the server answered with ` +
        "status 418",
    );
  });
});

Deno.test("slashes at the end of a folder that is mounted are not part of it", async () => {
  const files = new Map([["config.json", new Blob(["{}"])]]);
  for (const root of ["chosen", "https://example.invalid/m"]) {
    const unmount = mount(root, filesDisk(files));
    try {
      for (const end of ["", "/", "//"]) {
        const found = await resolveFiles(`${root}${end}`);
        assertEquals([found.folder, found.files], [root, ["config.json"]]);
      }
    } finally {
      unmount();
    }
  }
});
