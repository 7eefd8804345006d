import type { Environment } from '@cordwood/service';

/** What a command has to do with besides its arguments. */
export interface CommandContext {
  readonly env: Environment;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** All is well; something is wrong with what was looked at; the command could not do its work (wrong use, wrong configuration, no access). */
export type ExitCode = 0 | 1 | 2;

/** A command of the CLI. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  /** @throws UsageError, ConfigError, StoreError */
  run(args: readonly string[], context: CommandContext): Promise<ExitCode>;
}

/** The arguments are wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Text from outside (keys, for one, may hold anything) as a terminal can take it. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
