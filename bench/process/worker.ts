import { Meter } from './meter.ts';
import { Operations } from './operations.ts';
import { requests } from './requests.ts';
import type { Task, TaskResult } from './task.ts';

/**
 * One task after the other, as a worker or a reader would do it, without queue and HTTP: each message is a task, answered by what
 * just that took.
 */
const meter = new Meter();
const operations = await Operations.open();

async function perform(task: Task): Promise<Pick<TaskResult, 'writtenBytes' | 'textBytes'>> {
  switch (task.kind) {
    case 'merge':
      return { writtenBytes: await operations.merge(task.pods, task.concurrency), textBytes: 0 };
    case 'clean':
      await operations.clean(task.pods, task.concurrency);
      return { writtenBytes: 0, textBytes: 0 };
    case 'read':
      return { writtenBytes: 0, textBytes: await operations.read(task.pods, task.readAhead) };
    case 'put':
    case 'get':
    case 'list':
    case 'store-put':
    case 'store-get':
    case 'store-list':
      await requests(task, () => meter.start());
      return { writtenBytes: 0, textBytes: 0 };
  }
}

async function answer(task: Task): Promise<void> {
  operations.resetRequests();
  meter.start();
  const done = await perform(task);
  const result: TaskResult = { ...meter.read(), ...done, requests: operations.requests() };
  process.send?.(result);
}

process.on('message', (task: Task) => void answer(task));
process.once('disconnect', () => process.exit(0));
