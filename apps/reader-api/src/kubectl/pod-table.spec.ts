import { describe, expect, test } from '@jest/globals';
import { type ContainerState, type ContainerStatus, type Pod, podSchema } from './pod.ts';
import { podTable } from './pod-table.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

const status = (name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  state,
  ready: state.running !== undefined,
  restartCount: 0,
  image: 'i',
  imageID: '',
  ...more,
});
const running: ContainerState = { running: { startedAt: '2026-11-20T11:00:00Z' } };
const ended = (exitCode: number, reason?: string): ContainerState => ({
  terminated: { exitCode, ...(reason !== undefined && { reason }), finishedAt: '2026-11-20T11:55:00Z' },
});
const waiting = (reason: string): ContainerState => ({ waiting: { reason } });

interface Given {
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
  readonly containers: readonly ContainerStatus[];
}

const pod = ({ metadata, spec, containers, ...more }: Given): Pod =>
  podSchema.parse({
    metadata: { name: 'p', namespace: 'n', creationTimestamp: '2026-11-20T11:00:00Z', ...metadata },
    spec: { containers: containers.map(({ name }) => ({ name })), ...spec },
    status: { phase: 'Running', containerStatuses: containers, ...more.status },
  });
const row = (given: Given) => podTable([pod(given)], { metadata: {}, include: 'None', now: NOW }).rows[0]?.cells;
const statusCell = (given: Given) => row(given)?.[2];

describe('what the status column says', () => {
  test.each<[string, Given]>([
    ['Running', { containers: [status('a', running)] }],
    ['Completed', { containers: [status('a', ended(0, 'Completed'))], status: { phase: 'Succeeded' } }],
    [
      'Running',
      {
        containers: [status('a', ended(0, 'Completed')), status('b', running)],
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      },
    ],
    ['NotReady', { containers: [status('a', ended(0, 'Completed')), status('b', running)] }],
    ['Error', { containers: [status('a', ended(1, 'Error'))], status: { phase: 'Failed' } }],
    ['OOMKilled', { containers: [status('a', running), status('b', ended(137, 'OOMKilled'))] }],
    ['ExitCode:3', { containers: [status('a', ended(3))] }],
    ['CrashLoopBackOff', { containers: [status('a', waiting('CrashLoopBackOff'))] }],
    ['Terminating', { containers: [status('a', running)], metadata: { deletionTimestamp: '2026-11-20T11:59:00Z' } }],
    [
      'Completed',
      {
        containers: [status('a', ended(0, 'Completed'))],
        metadata: { deletionTimestamp: '2026-11-20T11:59:00Z' },
        status: { phase: 'Succeeded' },
      },
    ],
    [
      'Unknown',
      {
        containers: [status('a', running)],
        metadata: { deletionTimestamp: '2026-11-20T11:59:00Z' },
        status: { reason: 'NodeLost' },
      },
    ],
    ['Evicted', { containers: [], status: { phase: 'Failed', reason: 'Evicted' } }],
    ['Pending', { containers: [], status: { phase: 'Pending' } }],
    [
      'SchedulingGated',
      {
        containers: [],
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
        },
      },
    ],
    [
      'Init:1/2',
      {
        containers: [status('a', waiting('PodInitializing'))],
        spec: { initContainers: [{ name: 'i' }, { name: 'j' }] },
        status: { phase: 'Pending', initContainerStatuses: [status('i', ended(0)), status('j', running)] },
      },
    ],
    [
      'Init:Error',
      {
        containers: [status('a', waiting('PodInitializing'))],
        spec: { initContainers: [{ name: 'i' }] },
        status: { phase: 'Pending', initContainerStatuses: [status('i', ended(1, 'Error'))] },
      },
    ],
    [
      'Running',
      {
        containers: [status('a', running)],
        spec: { initContainers: [{ name: 's', restartPolicy: 'Always' }] },
        status: { initContainerStatuses: [status('s', running, { started: true })] },
      },
    ],
  ])('%s', (expected, given) => {
    expect(statusCell(given)).toBe(expected);
  });
});

test('readiness counts sidecars among init containers, and not those that have done their work', () => {
  const initContainers = [{ name: 'i' }, { name: 's', restartPolicy: 'Always' }];
  const initContainerStatuses = [status('i', ended(0)), status('s', running, { started: true })];
  expect(
    row({
      containers: [status('a', running), status('b', waiting('X'))],
      spec: { initContainers },
      status: { initContainerStatuses },
    })?.[1],
  ).toBe('2/3');
});

test('restarts, and when the last one was', () => {
  expect(row({ containers: [status('a', running, { restartCount: 3, lastState: ended(1) })] })?.[3]).toBe('3 (5m ago)');
  expect(row({ containers: [status('a', running, { restartCount: 3 })] })?.[3]).toBe('3');
  expect(row({ containers: [status('a', running)] })?.[3]).toBe('0');
});

test.each([
  ['2026-11-20T11:59:59Z', '1s'],
  ['2026-11-20T11:58:01Z', '119s'],
  ['2026-11-20T11:58:00Z', '2m'],
  ['2026-11-20T11:51:30Z', '8m30s'],
  ['2026-11-20T11:00:30Z', '59m'],
  ['2026-11-20T09:01:00Z', '179m'],
  ['2026-11-20T08:30:00Z', '3h30m'],
  ['2026-11-19T12:00:00Z', '24h'],
  ['2026-11-17T06:00:00Z', '3d6h'],
  ['2026-11-01T12:00:00Z', '19d'],
  ['2023-11-01T12:00:00Z', '3y20d'],
  ['2026-11-20T12:00:01Z', '0s'],
  [null, '<unknown>'],
])('created %s: age %s', (creationTimestamp, age) => {
  expect(row({ containers: [], metadata: { creationTimestamp } })?.[4]).toBe(age);
});

test('what stands beside the rows', () => {
  const only = pod({ containers: [status('a', running)], metadata: { labels: { app: 'x' } } });
  const objectOf = (include: 'None' | 'Metadata' | 'Object') =>
    podTable([only], { metadata: {}, include, now: NOW }).rows[0]?.object;
  expect(objectOf('None')).toBeUndefined();
  expect(objectOf('Metadata')).toEqual({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: only.metadata,
  });
  expect(objectOf('Object')).toEqual(only);
});

test('of what a pod says, nothing is shown but what reading logs needs', () => {
  const given = pod({
    containers: [],
    metadata: {
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': 'SECRET',
        'kubectl.kubernetes.io/default-container': 'a',
      },
      managedFields: ['SECRET'],
    },
    spec: {
      containers: [
        { name: 'a', image: 'i', env: [{ name: 'X', value: 'SECRET' }], command: ['SECRET'], args: ['SECRET'] },
      ],
      volumes: ['SECRET'],
    },
    status: { hostIP: 'SECRET' },
  });
  expect(JSON.stringify(given)).not.toContain('SECRET');
  expect(given.metadata.annotations).toEqual({ 'kubectl.kubernetes.io/default-container': 'a' });
});
