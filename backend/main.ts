#!/usr/bin/env node
import { backendProgram } from './options.ts';
import { run } from './run.ts';

process.exitCode = await run(backendProgram(), process.argv);
