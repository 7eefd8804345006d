import { z } from 'zod';
import type { ContentDoc, HeaderDoc } from '../http/operation.ts';
import { TEXT_TYPE } from '../http/operation.ts';
import { logEndSchema, logGapSchema, logLineSchema, nextPageSchema, streamErrorSchema } from './log-schemas.ts';

/** What the document says of reading a log. */
export const LOG_DESCRIPTION = `
The log of a job: what is archived, and while the pod lives what Kubernetes has besides, as one sequence in which no line is missing and none comes twice.
All filters (\`since\`, \`until\`, \`stream\`, \`contains\`, \`regex\`) are a conjunction, and \`tail\` and \`limit\` count what passes them.

**Following.** Text, events and WebSocket follow a pod that Kubernetes knows to be alive until it ends, unless \`tail\`, \`limit\`, \`until\`, \`previous\`
or \`download\` is given; \`follow=true\` and \`follow=false\` say so explicitly. Without Kubernetes \`follow=true\` follows the archive. When the reader stops, what
is followed breaks off.

**Pages.** \`limit\` gives a page; it may be shorter when 8 MiB are reached. \`X-Has-More: true\`: the page is full, go on with \`X-Next-Cursor\` as \`cursor\`.
\`X-Has-More: false\` with a cursor: there is nothing more now, but the log may grow. Without a cursor the log is over (or there was no message yet). NDJSON says the same
in a last line \`{"next_cursor", "has_more"}\`, also when only \`cursor\` is given. Cursors outlive compaction, and are the same as ids of events.

**Contradictions** are 400 \`conflicting_parameters\`:

| | |
|---|---|
| \`tail\` | \`cursor\`, \`limit\` |
| \`limit\`, \`previous=true\`, \`download=true\` | \`follow=true\` |
| \`download=true\` | \`format=sse\` |
| \`since\` | an \`until\` before it |

**Events.** \`message\` (without a name): a line, with its cursor as \`id\`. \`live\`: what follows comes from Kubernetes. \`gap\`: lines may be missing. \`end\`: the log ended, with
\`reason\` \`complete\` or \`caught_up\` (close the \`EventSource\`: it would connect again, and be answered 204), \`page\`, or the code of an error that says to connect
again. \`error\`: it broke off. Comments keep the connection alive.
`.trim();

export const HEADERS_OF_LOG: Readonly<Record<string, HeaderDoc>> = {
  'X-Separator': {
    description: 'The line that stands before the live part, and begins other lines that are no messages.',
  },
  'X-Container': { description: 'The container, or all that were asked for, separated by commas.' },
  'X-Namespace': { description: 'The namespace, where it is known.' },
  'X-Log-Deleted-Until': { description: 'Records up to this time were deleted.' },
  'X-Has-More': { description: 'With `limit`: whether there are more messages right now.' },
  'X-Next-Cursor': {
    description: 'With `limit`: where to go on. Absent when the log is over, and in answers to HEAD.',
  },
  'Content-Disposition': { description: 'With `download`: the name of the file.' },
};

export const LOG_CONTENT: Readonly<Record<string, ContentDoc>> = {
  [TEXT_TYPE]: { schema: z.string(), description: 'Messages, each with a newline at its end.' },
  'application/x-ndjson': {
    items: z.union([logLineSchema, z.object({ gap: logGapSchema }), nextPageSchema]),
    description: 'A JSON object for each message, and for gaps and the end of a page.',
  },
  'text/event-stream': {
    items: z.union([logLineSchema, logGapSchema, logEndSchema, streamErrorSchema]),
    description: 'An event for each message, and `live`, `gap`, `end` and `error`; of each, this is its `data`.',
  },
};
