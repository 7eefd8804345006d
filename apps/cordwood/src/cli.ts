import { StoreError } from '@cordwood/log-store';
import { ConfigError, version } from '@cordwood/service';
import { type Command, type CommandContext, type ExitCode, printable, UsageError } from './command.ts';
import { doctor } from './commands/doctor.ts';

const commands: Readonly<Record<string, Command>> = { doctor };

const HELP = `cordwood ${version}

${Object.entries(commands)
  .map(([name, { summary }]) => `  cordwood ${name.padEnd(10)}${summary}`)
  .join('\n')}

cordwood <command> --help tells more.
`;

/** Runs the command that the arguments name. */
export async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    context.out(HELP);
    return 0;
  }
  if (name === '--version') {
    context.out(`${version}\n`);
    return 0;
  }
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    context.err(name === undefined ? HELP : `cordwood: there is no command "${printable(name)}"\n\n${HELP}`);
    return 2;
  }
  try {
    return await command.run(rest, context);
  } catch (error) {
    if (error instanceof UsageError)
      context.err(`cordwood ${name ?? ''}: ${printable(error.message)}\nTry cordwood ${name ?? ''} --help.\n`);
    else if (error instanceof ConfigError) context.err(`${error.message}\n`);
    else if (error instanceof StoreError) context.err(`cordwood ${name ?? ''}: ${printable(error.message)}\n`);
    else throw error;
    return 2;
  }
}
