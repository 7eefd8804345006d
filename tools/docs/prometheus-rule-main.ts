import '../lib/node-version.ts';
import { writeFile } from 'node:fs/promises';
import { PROMETHEUS_RULE_FILE, prometheusRule } from './prometheus-rule.ts';

/** `npm run docs:alerts` writes deploy/alerts/prometheus-rule.yaml. */
await writeFile(PROMETHEUS_RULE_FILE, await prometheusRule());
