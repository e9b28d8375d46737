// Copyright 2026 the swagpu authors. MIT license.

// The page: starts the worker and the three tabs.

import { openAdapter } from "./page/adapter.ts";
import { Client } from "./page/client.ts";
import { find } from "./page/dom.ts";
import { ModelPanel } from "./page/model_panel.ts";
import { startRegressionTab } from "./page/regression_tab.ts";
import { startTabs } from "./page/tabs.ts";
import { startTextTab } from "./page/text_tab.ts";
import { startTrainingTab } from "./page/training_tab.ts";

startTabs(find("tabs", HTMLElement));
const worker = new Worker(new URL("worker.js", import.meta.url), {
  type: "module",
});
const client = new Client(worker, (reason) => {
  find("adapter", HTMLElement).textContent =
    `The GPU was lost (${
      reason.replace(/\.$/, "")
    }). It has been opened again, and everything on ` +
    "it is loaded again: nothing needs to be done.";
});
if (await openAdapter(client)) {
  const model = new ModelPanel(client);
  startTextTab(client, model);
  startTrainingTab(client, model);
  startRegressionTab(client);
  await model.start();
}
