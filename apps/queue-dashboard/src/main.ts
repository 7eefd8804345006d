import { runApp } from '@cordwood/service';
import { compose } from './compose.ts';
import { configSchema } from './config.ts';

process.exit(await runApp({ name: 'queue-dashboard', schema: configSchema, env: process.env, compose }));
