import { describe, expect, test } from '@jest/globals';
import { parseTime } from '@cordwood/log-record';
import { startKubeApi } from '@cordwood/testkit';
import { podOf } from './pod.ts';
import { openCluster } from './spec-support.ts';

const pod = (status: object, spec: object = { containers: [{ name: 'a' }] }) =>
  podOf({ metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec, status });

describe('podOf', () => {
  test.each(['containerd', 'docker', 'cri-o'])('takes %s:// off ids', (runtime) => {
    const status = {
      containerStatuses: [
        {
          name: 'a',
          containerID: `${runtime}://aa`,
          restartCount: 3,
          state: { running: { startedAt: '2026-11-21T10:00:00Z' } },
          lastState: {
            terminated: { containerID: `${runtime}://bb`, exitCode: 1, finishedAt: '2026-11-21T09:59:00Z' },
          },
        },
      ],
    };
    expect(pod(status).containers).toEqual([
      {
        name: 'a',
        kind: 'main',
        containerId: 'aa',
        state: { phase: 'running', startedAt: parseTime('2026-11-21T10:00:00Z') },
        previousContainerId: 'bb',
        previousFinishedAt: parseTime('2026-11-21T09:59:00Z'),
        restartCount: 3,
      },
    ]);
  });

  test('a container that ended', () => {
    const terminated = {
      containerID: 'containerd://aa',
      exitCode: 137,
      reason: 'OOMKilled',
      startedAt: '2026-11-21T10:00:00Z',
      finishedAt: '2026-11-21T10:01:00Z',
    };
    const { containers, finished } = pod({
      phase: 'Failed',
      containerStatuses: [{ name: 'a', containerID: 'containerd://aa', state: { terminated } }],
    });
    expect(finished).toBe(true);
    expect(containers[0]?.state).toEqual({
      phase: 'terminated',
      startedAt: parseTime('2026-11-21T10:00:00Z'),
      finishedAt: parseTime('2026-11-21T10:01:00Z'),
      exitCode: 137,
      reason: 'OOMKilled',
    });
  });

  test('a container without a status waits', () => {
    expect(pod({ phase: 'Pending' }).containers).toEqual([
      {
        name: 'a',
        kind: 'main',
        containerId: undefined,
        state: { phase: 'waiting', reason: undefined },
        previousContainerId: undefined,
        previousFinishedAt: undefined,
        restartCount: 0,
      },
    ]);
  });

  test('while it waits to be started again, the id in the status is that of the instance before', () => {
    const terminated = { containerID: 'containerd://aa', exitCode: 1 };
    const [container] = pod({
      containerStatuses: [
        {
          name: 'a',
          containerID: 'containerd://aa',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated },
        },
      ],
    }).containers;
    expect(container).toMatchObject({ containerId: undefined, previousContainerId: 'aa' });
  });

  test('phases that are none are unknown; pods may be deleted', () => {
    expect(pod({ phase: 'Odd' }).phase).toBe('Unknown');
    expect(podOf({ metadata: { deletionTimestamp: '2026-11-21T10:00:00Z' } })).toMatchObject({
      deleting: true,
      phase: 'Unknown',
    });
    expect(podOf({})).toEqual({
      namespace: '',
      name: '',
      uid: '',
      phase: 'Unknown',
      deleting: false,
      containers: [],
      finished: false,
    });
  });

  test('the main containers come first, then init, then ephemeral, each in the order of the spec', () => {
    const spec = {
      containers: [{ name: 'b' }, { name: 'a' }],
      initContainers: [{ name: 'i' }],
      ephemeralContainers: [{ name: 'e' }],
    };
    const initContainerStatuses = [{ name: 'i', state: { terminated: { exitCode: 0 } } }];
    expect(
      pod({ initContainerStatuses }, spec).containers.map(({ name, kind, state }) => [name, kind, state.phase]),
    ).toEqual([
      ['b', 'main', 'waiting'],
      ['a', 'main', 'waiting'],
      ['i', 'init', 'terminated'],
      ['e', 'ephemeral', 'waiting'],
    ]);
  });

  test('through the life of a pod', async () => {
    const cluster = await openCluster(await startKubeApi({ runtime: 'cri-o' }));
    const { api, kube } = cluster;
    try {
      const double = api.createPod({ name: 'p', containers: [{ name: 'a', waiting: 'ContainerCreating' }] });
      const container = double.container();
      const now = async () => {
        const seen = await kube.pod('jobs', 'p');
        const [only] = seen?.containers ?? [];
        return [seen?.phase, only?.state.phase, only?.containerId, only?.previousContainerId, only?.restartCount];
      };
      expect(await now()).toEqual(['Pending', 'waiting', undefined, undefined, 0]);
      const first = container.start().containerId;
      expect(await now()).toEqual(['Running', 'running', first, undefined, 0]);
      container.restart({ hold: true });
      expect(await now()).toEqual(['Running', 'waiting', undefined, first, 0]);
      const second = container.start().containerId;
      expect(await now()).toEqual(['Running', 'running', second, first, 1]);
      double.beginDeletion();
      expect(await kube.pod('jobs', 'p')).toMatchObject({ deleting: true, phase: 'Running' });
      container.terminate();
      expect(await now()).toEqual(['Succeeded', 'terminated', second, first, 1]);
      double.delete();
      expect(await kube.pod('jobs', 'p')).toBeUndefined();
    } finally {
      await cluster.close();
    }
  });
});
