import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';

/** A Chromium that sees 127.0.0.1 alone. */
export interface TestBrowser {
  /** A new page; `problems` collects what it complains about, and requests that would have left this machine. */
  open(): Promise<{ readonly page: Page; readonly problems: readonly string[] }>;
  close(): Promise<void>;
}

/** In ms: only what hangs is to fail. */
const PATIENCE = 150_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Whatever a page or the browser itself looks up.
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

/** The browser's program: CHROMIUM (tools/test.ts sets it), else what is on the PATH; undefined: there is none, so skip and say so. */
export function findChromium(): string | undefined {
  const given = process.env['CHROMIUM'];
  if (given) return given;
  const dirs = (process.env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '');
  const paths = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => dirs.map((dir) => join(dir, name)));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export async function startBrowser(program: string): Promise<TestBrowser> {
  // Loaded by whoever needs it only.
  const { chromium } = await import('playwright-core');
  const dir = await mkdtemp(join(tmpdir(), 'cordwood-browser-'));
  const context: BrowserContext = await chromium.launchPersistentContext(dir, {
    executablePath: program,
    headless: true,
    args: FLAGS,
    timeout: PATIENCE,
  });
  context.setDefaultTimeout(PATIENCE);
  return {
    open: async () => {
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
      page.on('request', (request) => {
        const { protocol, hostname } = new URL(request.url());
        const isLocal = hostname === '127.0.0.1' || protocol === 'data:' || protocol === 'blob:';
        if (!isLocal) problems.push(`request: ${request.url()}`);
      });
      return { page, problems };
    },
    close: async () => {
      await context.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
