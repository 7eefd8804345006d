import { z } from 'zod';

/**
 * A pod as it is shown: what reading logs and `kubectl get pods` need. Parsing drops everything else, on purpose: who may read a pod's log need
 * not be allowed to see its environment, its arguments or the annotation that repeats all of it (`last-applied-configuration`).
 */

const text = z.string().optional();

const containerSpec = z.object({ name: z.string(), image: text, restartPolicy: text });

const terminated = z.object({
  exitCode: z.number().int(),
  signal: z.number().int().optional(),
  reason: text,
  message: text,
  startedAt: text.nullable(),
  finishedAt: text.nullable(),
  containerID: text,
});

const containerState = z.object({
  waiting: z.object({ reason: text, message: text }).optional(),
  running: z.object({ startedAt: text.nullable() }).optional(),
  terminated: terminated.optional(),
});

const containerStatus = z.object({
  name: z.string(),
  state: containerState.optional(),
  lastState: containerState.optional(),
  ready: z.boolean(),
  restartCount: z.number().int(),
  image: z.string(),
  imageID: z.string(),
  containerID: text,
  started: z.boolean().nullish(),
});

/** Which container kubectl takes where none is named. */
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

const metadata = z.object({
  name: z.string(),
  generateName: text,
  namespace: z.string(),
  uid: text,
  resourceVersion: text,
  creationTimestamp: text.nullable(),
  deletionTimestamp: text,
  deletionGracePeriodSeconds: z.number().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.object({ [DEFAULT_CONTAINER]: text }).optional(),
  ownerReferences: z
    .array(
      z.object({
        apiVersion: z.string(),
        kind: z.string(),
        name: z.string(),
        uid: z.string(),
        controller: z.boolean().optional(),
      }),
    )
    .optional(),
});

const condition = z.object({ type: z.string(), status: z.string(), reason: text });

export const podSchema = z
  .object({
    kind: z.literal('Pod').default('Pod'),
    apiVersion: z.literal('v1').default('v1'),
    metadata,
    spec: z.object({
      initContainers: z.array(containerSpec).optional(),
      containers: z.array(containerSpec),
      ephemeralContainers: z.array(containerSpec).optional(),
      restartPolicy: text,
      nodeName: text,
      readinessGates: z.array(z.object({ conditionType: z.string() })).optional(),
    }),
    status: z.object({
      phase: text,
      conditions: z.array(condition).optional(),
      message: text,
      reason: text,
      nominatedNodeName: text,
      podIP: text,
      startTime: text.nullable(),
      initContainerStatuses: z.array(containerStatus).optional(),
      containerStatuses: z.array(containerStatus).optional(),
      ephemeralContainerStatuses: z.array(containerStatus).optional(),
    }),
  })
  .meta({ id: 'KubePod' });

export type Pod = z.output<typeof podSchema>;
export type ContainerStatus = z.output<typeof containerStatus>;
export type ContainerState = z.output<typeof containerState>;

/** A page of pods as Kubernetes lists them. */
export const podListSchema = z.object({
  metadata: z.object({ continue: text, resourceVersion: text }).default({}),
  items: z.array(podSchema),
});

/** Names of containers, in the order in which Kubernetes speaks of them. */
export const containerNames = ({ spec }: Pod): readonly string[] =>
  [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].map(({ name }) => name);
