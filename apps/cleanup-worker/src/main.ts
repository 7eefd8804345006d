import { runApp } from '@cordwood/service';
import { compose } from './compose.ts';
import { schema } from './config.ts';

process.exit(await runApp({ name: 'cleanup-worker', schema, env: process.env, compose }));
