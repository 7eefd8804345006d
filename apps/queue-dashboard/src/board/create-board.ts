import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBullBoard } from '@bull-board/api';
import type { AppViewRoute, UIConfig } from '@bull-board/api/typings/app';
import { ExpressAdapter } from '@bull-board/express';
import { CATALOGUE, createFinishedJobs, JOB_NAMES, type QueueConnection, QUEUE_NAMES } from '@cordwood/queues';
import type { Logger } from '@cordwood/service';
import { isNotConnectionError, Queue } from 'bullmq';
import type { Express } from 'express';
import { z } from 'zod';
import { findBoardUi } from './assets.ts';
import { SCRIPT, STYLE, THEME } from './extras.ts';
import { pageOf } from './page.ts';
import { PodQueueAdapter } from './queue-adapter.ts';

export interface BoardOptions {
  readonly connection: QueueConnection;
  /** QUEUE_PREFIX. */
  readonly prefix: string;
  readonly basePath: string;
  readonly isReadOnly: boolean;
  readonly readerUrl: string | undefined;
  /** A link for signing out; undefined: there is nothing to sign out of. */
  readonly signOut: string | undefined;
  readonly logger: Logger;
}

export interface Board {
  readonly app: Express;
  close(): Promise<void>;
}

const DESCRIPTIONS = {
  scan: 'Looks through the bucket for pods with new raw files',
  compaction: 'Merges the raw files of one pod',
  cleanup: 'Deletes of one pod what has been merged for a while',
  sweep: 'Looks through all metadata for old logs and leftovers',
} as const;

/** bull-board over the queues of the catalogue. */
export function createBoard(options: BoardOptions): Board {
  const { connection, prefix, basePath, isReadOnly, readerUrl, logger } = options;
  const finished = createFinishedJobs({ client: connection.producer, prefix });
  const queues = QUEUE_NAMES.map((name) => {
    // It looks on: what workers wrote about the queue stays as it is.
    const common = { connection: connection.producer, prefix, skipVersionCheck: true, skipMetasUpdate: true };
    const job = JOB_NAMES.find((each) => CATALOGUE[each].queue === name) ?? 'compact';
    const queue = new Queue(name, { ...common, defaultJobOptions: CATALOGUE[job].options });
    queue.on('error', (error) => {
      if (isNotConnectionError(error)) logger.warn('queue error', { queue: name, error });
    });
    return { name, job, queue };
  });
  const server = new BoardServer();
  server.setBasePath(basePath);
  createBullBoard({
    serverAdapter: server,
    queues: queues.map(
      ({ queue, name, job }) =>
        new PodQueueAdapter({
          queue,
          name,
          job,
          finished,
          readerUrl,
          readOnlyMode: isReadOnly,
          description: DESCRIPTIONS[name],
          jobDataSchema: z.toJSONSchema(CATALOGUE[job].payload),
        }),
    ),
    options: { uiBasePath: findBoardUi(), uiConfig: uiConfig(options) },
  });
  return {
    app: server.getRouter(),
    close: async () => {
      await Promise.all(queues.map(({ queue }) => queue.close()));
    },
  };
}

function uiConfig({ isReadOnly, signOut }: BoardOptions): UIConfig {
  return {
    boardTitle: 'Cordwood queues',
    hideDocsLink: true,
    sortQueues: false,
    theme: THEME,
    environment: isReadOnly
      ? { label: 'read-only', color: '#e5e7eb', textColor: '#111827' }
      : { label: 'operator', color: '#7f1d1d', textColor: '#ffffff' },
    ...(signOut !== undefined && { miscLinks: [{ text: 'Sign out', url: signOut }] }),
  };
}

/** What the page loads of ours. */
const EXTRAS = '<link href="dashboard.css" rel="stylesheet"><script defer src="dashboard.js"></script>';

/** bull-board's own Express app, with a page that loads nothing of other hosts. */
class BoardServer extends ExpressAdapter {
  #views = '';

  constructor() {
    super();
    this.app.disable('x-powered-by');
  }

  override setViewsPath(path: string): this {
    this.#views = path;
    return this;
  }

  override setEntryRoute(entry: AppViewRoute): this {
    const render = pageOf(readFileSync(join(this.#views, 'index.ejs'), 'utf8'), EXTRAS);
    this.app.get('/dashboard.css', (_request, response) => void response.type('css').send(STYLE));
    this.app.get('/dashboard.js', (_request, response) => void response.type('js').send(SCRIPT));
    this.app.get(entry.route, (_request, response) => {
      const { params } = entry.handler({ basePath: this.basePath, uiConfig: this.uiConfig });
      response.type('html').send(render(params));
    });
    return this;
  }

  override getRouter(): Express {
    return this.app;
  }
}
