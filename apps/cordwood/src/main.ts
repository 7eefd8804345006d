#!/usr/bin/env node
import { exitWhenUnread } from '@cordwood/service';
import { run } from './cli.ts';

exitWhenUnread((code) => process.exit(code));
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
