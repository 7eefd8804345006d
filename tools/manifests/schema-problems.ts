import { type Manifest, titleOf } from './render.ts';

interface Model {
  readonly prototype: { validate(this: unknown): void };
}

/** Packages with the schemas of API groups that Kubernetes itself does not have. */
const PACKAGES: Readonly<Record<string, string>> = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

/** What of a manifest does not fit its OpenAPI schema; fields that the schema does not know, which a cluster would drop, among it. */
export async function schemaProblems(manifest: Manifest): Promise<string[]> {
  const title = titleOf(manifest);
  const model = await modelOf(manifest);
  if (model === undefined) return [`${title}: no schema of ${manifest.apiVersion} ${manifest.kind}`];
  const watched = watchReads(manifest);
  try {
    model.prototype.validate.call(watched.value);
  } catch (error) {
    return [`${title}: ${(error as Error).message}`];
  }
  return watched.unread().map((path) => `${title}: no such field: ${path}`);
}

async function modelOf({ apiVersion, kind }: Manifest): Promise<Model | undefined> {
  const library = PACKAGES[apiVersion.split('/')[0] ?? ''] ?? 'kubernetes-models';
  try {
    const module = (await import(`${library}/${apiVersion}/${kind}`)) as Readonly<Record<string, Model>>;
    return module[kind];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * A value that notes which fields are asked for. A validator of the packages asks for each field that its schema has, whether it is there or not, and
 * lets pass what else there is; so a field that is there and was not asked for, in an object of which some were, is none of the schema.
 */
function watchReads(root: unknown) {
  const asked = new Map<object, Set<string>>();
  const watch = (value: unknown): unknown =>
    typeof value !== 'object' || value === null
      ? value
      : new Proxy(value, {
          get: (target, name, receiver) => {
            if (typeof name === 'symbol') return Reflect.get(target, name, receiver) as unknown;
            const names = asked.get(target) ?? new Set();
            asked.set(target, names.add(name));
            return watch(Reflect.get(target, name, receiver));
          },
        });
  const unreadIn = (value: unknown, path: string): string[] => {
    if (typeof value !== 'object' || value === null) return [];
    const names = Array.isArray(value) ? undefined : asked.get(value);
    return Object.entries(value).flatMap(([name, field]) =>
      names === undefined || names.has(name) ? unreadIn(field, `${path}/${name}`) : [`${path}/${name}`],
    );
  };
  return { value: watch(root), unread: () => unreadIn(root, '') };
}
