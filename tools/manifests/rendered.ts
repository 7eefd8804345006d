import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe } from '@jest/globals';
import { stringify } from 'yaml';
import { provideKubectl } from '../lib/kubectl.ts';
import { type Manifest, renderKustomization, ROOT } from './render.ts';

/** kubectl, for specs that ask it for more than {@link render} does; empty where there is none, inside of {@link describeRendered} never. */
export const KUBECTL = (await provideKubectl()) ?? '';
if (KUBECTL === '')
  process.stderr.write('NO KUBECTL: manifests are not rendered, nor checked. Set KUBECTL, or put it on the PATH.\n');

/** For specs of what kubectl renders: without it they are skipped. */
export const describeRendered = KUBECTL === '' ? describe.skip : describe;

/** What the kustomization in this folder of the repository renders to. */
export const render = (directory: string): Manifest[] => renderKustomization(KUBECTL, directory);

/** An overlay such as a team writes; folders are those of the repository. */
export interface Overlay {
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly patches?: readonly object[];
  readonly replicas?: readonly { readonly name: string; readonly count: number }[];
  readonly configMapGenerator?: readonly object[];
}

/** What it renders to. */
export function renderOverlay({ resources = [], components = [], ...more }: Overlay): Manifest[] {
  const directory = mkdtempSync(join(tmpdir(), 'cordwood-overlay-'));
  try {
    // Kustomize takes relative paths only.
    const fromThere = (paths: readonly string[]) => paths.map((path) => relative(directory, join(ROOT, path)));
    const kustomization = { ...more, resources: fromThere(resources), components: fromThere(components) };
    writeFileSync(join(directory, 'kustomization.yaml'), stringify(kustomization));
    return render(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
