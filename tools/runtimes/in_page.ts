// Copyright 2026 the swagpu authors. MIT license.

/**
 * The program in a page, which reads the files of the project from its server.
 *
 * @module
 */

import { mount } from "../../host/mod.ts";
import { ServedDisk } from "../browser/page/served_disk.ts";

export { runProgram } from "./program.ts";

mount("/tests", new ServedDisk());
