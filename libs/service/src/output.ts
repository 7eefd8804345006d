/** What a shell shows for a program that SIGPIPE ended: 128 + 13. */
const ENDED_BY_SIGPIPE = 141;

/**
 * For commands, whose output is their purpose (services: `runApp`): ends the process at once, without a word, when what it prints can go
 * nowhere any more, as with `… | head`. Node ignores SIGPIPE, which would do so, and shows a stack trace instead.
 * @param exit `process.exit`
 */
export function exitWhenUnread(exit: (code: number) => void): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => exit(ENDED_BY_SIGPIPE));
}
