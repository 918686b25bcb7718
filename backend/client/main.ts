#!/usr/bin/env node
import { run } from '../run.ts';
import { carillonProgram } from './options.ts';

process.exitCode = await run(carillonProgram(), process.argv);
