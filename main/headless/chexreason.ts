/**
 * The command `chexreason`. Each subcommand is thin: it reads its arguments, calls one function of core, and prints what
 * that gives back. What it needs is loaded when it is called, so that `--help` and `decode` start at once.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { toErrorData } from '../../core/base/errors.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { type Call, UsageError } from './call.ts';
import { EXIT, Output } from './output.ts';

// stdout belongs to the answers: what libraries print goes to stderr, and TensorFlow says only what matters.
console.log = console.error;
console.info = console.error;
process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `chexreason … | head`: the reader has had enough.
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});

const interruption = new AbortController();
let interrupted = false;
process.on('SIGINT', () => {
  if (interrupted) process.exit(EXIT.interrupted);
  interrupted = true;
  interruption.abort();
});
process.on('SIGTERM', () => interruption.abort());

let status: number = EXIT.done;

/** Runs a subcommand's module; the functions of core throw WorkbenchErrors, which end here if not earlier. */
function runs<O>(load: () => Promise<(call: Call, options: O, args: string[]) => Promise<void>>) {
  return async (...parameters: unknown[]): Promise<void> => {
    const command = parameters.pop() as Command;
    const options = parameters.pop() as O & { json?: boolean };
    const output = new Output(options.json === true);
    try {
      const action = await load();
      await action({ output, signal: interruption.signal }, options, parameters.flat() as string[]);
    } catch (error) {
      if (error instanceof UsageError) command.error(`error: ${error.message}`, { exitCode: EXIT.usage });
      output.failure(null, error);
      if (interruption.signal.aborted && toErrorData(error).code === 'CANCELLED') {
        status = EXIT.interrupted;
        return;
      }
    }
    status = output.status;
  };
}

const program = new Command('chexreason')
  .description('Compares SFT and GRPO checkpoints of chest-X-ray models across institutions. Research use only.')
  .version(packageJson.version)
  .showHelpAfterError('(chexreason COMMAND --help explains the arguments)')
  .exitOverride();

function subcommand(nameAndArguments: string, description: string): Command {
  return program.command(nameAndArguments).description(description).allowExcessArguments(false);
}

function integer(lowest: number, highest = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || text.trim() === '' || value < lowest || value > highest) {
      throw new InvalidArgumentError(`a whole number from ${lowest} to ${highest} was expected.`);
    }
    return value;
  };
}

function real(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || text.trim() === '' || value < lowest || value > highest) {
      throw new InvalidArgumentError(`a number from ${lowest} to ${highest} was expected.`);
    }
    return value;
  };
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];
const json = () => new Option('--json', 'exactly one JSON object per line on stdout');

subcommand('serve', 'the application as a page on this machine: prints its address')
  .option('--port <n>', 'port on 127.0.0.1; 0: any free one', integer(0, 65535), 8765)
  .option('--workspace <dir>', 'workspace to open; by default the built-in one')
  .addOption(json())
  .action(runs(async () => (await import('./commands/serve.ts')).serve));

program.parseAsync().then(
  () => finish(status),
  (error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end with 0; everything else is an argument that cannot be used.
    finish(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  },
);

/** Ends even where a native library keeps the process awake, after what was written has gone out. */
function finish(code: number): void {
  process.stdout.write('', () => process.exit(code));
}
