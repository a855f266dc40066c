/**
 * The command `chexreason`. Each subcommand is thin: it reads its arguments, calls one function of core, and prints what
 * that gives back. What it needs is loaded when it is called, so that `--help` and `decode` start at once.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { toErrorData } from '../../core/base/errors.ts';
import { VERSION } from '../../core/base/version.ts';
import type { ExecutorChoice, PrecisionChoice } from '../../core/models/openRunner.ts';
import type { Device } from '../../core/tensor/executor.ts';
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
  .version(VERSION)
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

/** core/models/openRunner.ts says what they are; it is not loaded for an explanation. */
const EXECUTORS: readonly ExecutorChoice[] = ['auto', 'onnxruntime-cpu', 'tfjs-tensorflow', 'tfjs-wasm'];
const DEVICES: readonly Device[] = ['cpu', 'webgpu'];
const device = () =>
  new Option('--device <name>', 'where ONNX Runtime computes: the processor, or a GPU through WebGPU').choices(DEVICES);
const PRECISIONS: readonly PrecisionChoice[] = ['auto', 'f32', 'f16', 'int8', 'int4'];
const collect = (value: string, before: string[] = []): string[] => [...before, value];
const policy = () =>
  new Option('--policy <name>', 'what an uncertain label counts as: zeros, ones, ignore; by label: zeros,Edema=ones');
const unit = () =>
  new Option('--unit <name>', 'what is scored (default: what a row of the table is)').choices(['image', 'study']);
const aggregation = () =>
  new Option('--aggregation <name>', 'how the films of a study become one answer').choices([
    'any',
    'majority',
    'first',
  ]);
const answerFormat = () =>
  new Option('--answer-format <name>', 'solution: the paper’s; answer: NV-Reason-CXR-3B’s').choices([
    'solution',
    'answer',
  ]);

/** How the columns of a table of another form are read; core/datasets/columnMapping.ts says what a mapping holds. */
function mapsColumns(command: Command): Command {
  return command
    .option('--mapping <file>', 'JSON: which columns of a custom table mean what')
    .option('--column <part=name>', 'film, patient, study, view, sex, age or split = its column', collect)
    .option('--label <label=column>', 'column of a label; several times', collect)
    .option('--value <meaning=cells>', 'positive, negative, uncertain or blank = cells, separated by commas', collect);
}
const json = () => new Option('--json', 'exactly one JSON object per line on stdout');

subcommand('decode <file...>', 'decodes films: header facts, range and hashes of their pixels')
  .addOption(json())
  .action(runs(async () => (await import('./commands/films.ts')).decode));

subcommand('scan <path...>', 'counts patients, studies, series and films in files, folders and DICOMDIRs')
  .addOption(json())
  .action(runs(async () => (await import('./commands/films.ts')).scan));

subcommand('deidentify <path...>', 'copies films without their patients (DICOM PS3.15 Basic Profile); pixels stay')
  .requiredOption('--out <dir>', 'folder of the copies; made where it is missing')
  .option('--workspace <dir>', 'which keeps the secret that pseudonyms come from (default: the built-in workspace)')
  .addOption(
    new Option('--dates <how>', 'remove, or shift by a number of days of each patient')
      .choices(['remove', 'shift'])
      .default('remove'),
  )
  .option('--keep-patient-characteristics', 'sex, age (at most 90), size and weight stay')
  .addOption(json())
  .action(runs(async () => (await import('./commands/films.ts')).deidentify));

function asksAModel(command: Command): Command {
  return command
    .option('--model <dir>', 'folder of a model in Hugging Face’s layout')
    .option('--adapter <dir>', 'folder of a LoRA adapter in PEFT’s format')
    .option('--image <file>', 'film: DICOM, PNG or JPEG; several times: one answer for each', collect)
    .option('--prompt <name>', 'instruction format of resources/prompts, or a prompt file (default: free-reasoning)')
    .option('--text <text>', 'instruction')
    .option('--messages <file>', 'JSON list of messages; --image then fills its places in order')
    .addOption(new Option('--executor <name>', 'what runs the model').choices(EXECUTORS).default('auto'))
    .option('--preprocessing <name>', 'preset that turns a film into model input; by default the checkpoint’s own')
    .addOption(device())
    .option('--threads <n>', 'threads of ONNX Runtime', integer(1, 1024))
    .addOption(new Option('--precision <name>', 'form of the weights').choices(PRECISIONS).default('auto'))
    .option('--label-probabilities', 'the probability of each label after the answer’s own reasoning, as “scores”')
    .addOption(answerFormat())
    .option('--server <url>', 'an OpenAI-compatible server instead of --model; its key in CHEXREASON_API_KEY')
    .option('--model-name <name>', 'the server’s name of the model (default: its only one)')
    .option('--adapter-name <name>', 'the server’s name of the adapter')
    .option('--timeout <seconds>', 'until the server’s answer begins, and between its pieces', real(0.001, 86_400))
    .addOption(json());
}

asksAModel(subcommand('infer', 'asks a model about films: reasoning and findings'))
  .option('--max-new-tokens <n>', 'the checkpoint’s own maximum, else 512', integer(1, 1_000_000))
  .option('--temperature <t>', '0: the most probable token', real(0, 100), 0)
  .option('--top-p <p>', 'nucleus sampling', real(0, 1), 1)
  .option('--top-k <k>', '0: off', integer(0), 0)
  .option('--seed <n>', 'sample i is drawn with seed + i', integer(0), 0)
  .option('--samples <n>', 'completions of each film', integer(1, 1024), 1)
  .action(runs(async () => (await import('./commands/models.ts')).infer));

asksAModel(subcommand('score', 'log-probabilities of a given completion'))
  .requiredOption('--completion <text>', 'what the model would have said')
  .action(runs(async () => (await import('./commands/models.ts')).score));

subcommand('precision', 'the forms of a model’s weights, and how far each is from f32 on phantom films')
  .requiredOption('--model <dir>', 'folder of a model in Hugging Face’s layout')
  .addOption(
    new Option('--precision <name...>', 'measure these (absent: say what is known)').choices([
      'f32',
      'f16',
      'int8',
      'int4',
    ]),
  )
  .option('--films <n>', 'phantom films to read', integer(1, 1000), 8)
  .option('--max-new-tokens <n>', 'of each answer (default: the checkpoint’s own, else 128)', integer(1, 1_000_000))
  .addOption(device())
  .option('--threads <n>', 'threads of ONNX Runtime', integer(1, 1024))
  .option('--remove', 'removes the converted weights of this model from the cache')
  .addOption(json())
  .action(runs(async () => (await import('./commands/precision.ts')).precision));

mapsColumns(subcommand('dataset', 'counts what is in a label table; of a custom one without a mapping, its columns'))
  .addArgument(new Argument('<kind>', 'whose format it has').choices(['chexpert', 'nih', 'mimic', 'custom']))
  .requiredOption('--csv <file>', 'label table; MIMIC-CXR-JPG’s other tables are looked for beside it')
  .option('--images <dir>', 'folder of the images that the table names')
  .addOption(policy())
  .addOption(json())
  .action(runs(async () => (await import('./commands/datasets.ts')).dataset));

subcommand('train', 'SFT or GRPO with LoRA: a run folder with log.jsonl and an adapter; export and import for TRL')
  .addArgument(
    new Argument('<what>', 'training stage; a run as a folder for TRL; what came back').choices([
      'sft',
      'grpo',
      'export',
      'import',
    ]),
  )
  .option('--config <file>', 'JSON: name, model, adapter, dataset {kind, csv, images, mapping, policy}, settings {…}')
  .option('--workspace <dir>', 'where runs are kept (default: the folder workspace beside the file)')
  .option('--resume <run>', 'id of a stopped run of the workspace: goes on from its last checkpoint')
  .option('--run <run>', 'export: id of a run of the workspace')
  .addOption(new Option('--kind <name>', 'export: stage of a configuration file').choices(['sft', 'grpo']))
  .option('--out <dir>', 'export: a new or an empty folder')
  .addOption(
    new Option('--model <how>', 'export: whether the base is copied (auto: up to 2 GiB)').choices([
      'auto',
      'copy',
      'leave',
    ]),
  )
  .option('--from <dir>', 'import: the exported folder after training')
  .option('--name <name>', 'import: of run and checkpoint')
  .addOption(json())
  .action(runs(async () => (await import('./commands/training.ts')).train));

mapsColumns(subcommand('traces', 'reasoning traces for SFT: asked from a teacher, imported, reviewed, exported'))
  .addArgument(
    new Argument('<what>', 'what is done').choices(['ask', 'list', 'accept', 'reject', 'undo', 'import', 'export']),
  )
  .requiredOption('--dataset <id>', 'KIND:FILE.csv or an id of the workspace')
  .option('--images <dir>', 'folder of the data set’s images')
  .addOption(policy())
  .option('--workspace <dir>', 'where traces are kept (default: the built-in workspace)')
  .option('--server <url>', 'ask: the teacher’s server; key: CHEXREASON_API_KEY')
  .option('--model-name <name>', 'ask: the teacher (default: the server’s base model)')
  .option('--prompt <name>', 'ask: the instruction that is taught (default: reasoning-a)')
  .option('--films <n>', 'ask: films with a trace, at most (default: 2000)', integer(1))
  .option('--seed <n>', 'ask: draws the films', integer(0))
  .option('--temperature <t>', 'ask: (default: 0.7)', real(0, 10))
  .option('--max-new-tokens <n>', 'ask: (default: 2048)', integer(1, 32_768))
  .option('--rejected-again', 'ask: also for films whose trace was rejected')
  .option('--film <id>', 'accept, reject: of which film')
  .option('--other-labels', 'accept: although its labels are not the table’s')
  .option('--file <file>', 'import, export: JSON lines with path and text; accept: the edited text')
  .option('--accepted', 'import: they have been reviewed')
  .option('--all', 'export: not only accepted and edited ones')
  .addOption(json())
  .action(runs(async () => (await import('./commands/traces.ts')).traces));

mapsColumns(
  subcommand(
    'evaluate',
    'films of two institutions read by checkpoints; stopped (Ctrl+C), the same command goes on where it was',
  ),
)
  .requiredOption(
    '--dataset <id>',
    'KIND:FILE.csv or an id of the workspace; first the source, then the target',
    collect,
  )
  .option('--images <dir>', 'folder of a data set’s images, in the order of the data sets', collect)
  .requiredOption('--checkpoint <id>', 'folder of a model or an adapter, or an id of the workspace', collect)
  .addOption(unit())
  .addOption(new Option('--views <name>', 'films that are read').choices(['frontal', 'all', 'AP', 'PA']))
  .addOption(aggregation())
  .option('--model <dir>', 'base model of the adapters, where it is not evaluated itself')
  .option('--server <url>', 'where checkpoints that are no folder are: their names there; key: CHEXREASON_API_KEY')
  .option('--prompt <name>', 'one instruction format for all (default: each checkpoint’s own)')
  .option('--label-probabilities', 'also the probability of each label, for AUROC and calibration')
  .option('--samples <n>', 'label probabilities as frequencies over so many samples', integer(1, 1024))
  .option('--scores <dir>', 'writes the label probabilities as tables, one for each data set and checkpoint')
  .option('--workspace <dir>', 'where answers are kept (default: the built-in workspace)')
  .option('--limit <n>', 'films of each data set, a fixed sample', integer(1))
  .addOption(
    new Option('--unsuitable <how>', 'films that are lateral, FOR PROCESSING, not of the chest, or of no stated view')
      .choices(['exclude', 'include'])
      .default('exclude'),
  )
  .option('--predictions <file>', 'writes every answer as JSON lines, as “metrics” reads them')
  .addOption(device())
  .option('--threads <n>', 'threads of ONNX Runtime', integer(1, 1024))
  .addOption(policy())
  .addOption(json())
  .action(runs(async () => (await import('./commands/evaluation.ts')).evaluate));

mapsColumns(subcommand('metrics', 'every figure of an evaluation, from predictions made anywhere'))
  .requiredOption('--predictions <file>', 'JSON lines, CSV or vLLM’s batch output; several times: read as one', collect)
  .option('--truth <table>', 'KIND:FILE.csv with the truth by film, where the predictions carry none', collect)
  .option('--checkpoint <name>', 'name of the checkpoint where the predictions have none')
  .option('--out <file>', 'writes the predictions as they were read: JSON lines, or CSV by its name')
  .option('--source <name>', 'data set that the checkpoints come from (default: the first of the file)')
  .option('--target <name>', 'another institution (default: the last of the file)')
  .option('--replicates <n>', 'of the bootstrap', integer(0, 1_000_000))
  .option('--seed <n>', 'of the bootstrap', integer(0))
  .addOption(policy())
  .addOption(json())
  .action(runs(async () => (await import('./commands/evaluation.ts')).metrics));

mapsColumns(subcommand('predictions', 'answers made elsewhere into a workspace, evaluated like its own; or out of it'))
  .addArgument(new Argument('<what>', 'what is done').choices(['import', 'export']))
  .requiredOption(
    '--file <file>',
    'JSON lines, CSV or (import) vLLM’s batch output; import: several are read as one',
    collect,
  )
  .option('--workspace <dir>', 'where they are kept (default: the built-in workspace)')
  .option(
    '--dataset <id>',
    'import: KIND:FILE.csv or an id: where films and their truth are looked up (default: all)',
    collect,
  )
  .option('--images <dir>', 'import: folder of a data set’s images, in the order of the data sets', collect)
  .addOption(policy())
  .addOption(unit())
  .addOption(aggregation())
  .option('--checkpoint <name>', 'import: of the checkpoint where the answers name none')
  .option('--evaluation <id>', 'export: of which evaluation (default: the latest)')
  .addOption(json())
  .action(runs(async () => (await import('./commands/predictions.ts')).predictions));

subcommand('phantom', 'writes procedural films of an institution, with its label tables')
  .addOption(new Option('--institution <name>', 'm, a or b').choices(['m', 'a', 'b']).makeOptionMandatory())
  .requiredOption('--count <n>', 'films', integer(1, 1_000_000))
  .requiredOption('--seed <n>', 'the same seed makes the same films', integer(0))
  .requiredOption('--out <dir>', 'folder; made where it is missing')
  .option('--size <pixels>', 'pixels a side (default: 1024)', integer(32, 4096))
  .addOption(new Option('--format <name>', 'files to write (default: dicom)').choices(['dicom', 'png']))
  .addOption(json())
  .action(runs(async () => (await import('./commands/films.ts')).phantom));

subcommand('report', 'the generalization report of an evaluation as PDF, and its figures as CSV, JSON, LaTeX, SVG')
  .option('--out <file>', 'the PDF')
  .option('--csv <dir>', 'every table as CSV, unrounded')
  .option('--data <file>', 'everything as one JSON object')
  .option('--latex <dir>', 'every table as LaTeX, and a document of all')
  .option('--svg <dir>', 'every figure as SVG')
  .option('--evaluation <id>', 'which one (default: the latest of the workspace)')
  .option('--workspace <dir>', 'where it is kept (default: the built-in workspace)')
  .option('--checkpoints <list>', 'ids; only these, separated by commas')
  .option('--datasets <list>', 'ids; only these')
  .option('--labels <list>', 'only these; figures are worked out on them alone')
  .option('--sections <list>', 'only these, in this order; "list" prints their names')
  .option('--films <n>', 'of each data set, shown with both readings (default: 3)', integer(0, 40))
  .option('--date <iso>', 'of the PDF (default: now, or SOURCE_DATE_EPOCH)')
  .addOption(json())
  .action(runs(async () => (await import('./commands/report.ts')).report));

subcommand('workspace', 'what is in its lists; taken out of them and put back: no file is touched')
  .addArgument(new Argument('<what>', 'what is done').choices(['list', 'remove', 'restore']))
  .option('--workspace <dir>', 'which one (default: the built-in workspace)')
  .option('--dataset <id>', 'a data set, or “opened”: all opened films')
  .option('--study <uid>', 'the opened films of a study')
  .option('--folder <dir>', 'the opened films of a folder')
  .option('--film <id>', 'an opened film; several times', collect)
  .option('--checkpoint <id>', 'a checkpoint')
  .option('--server <id>', 'a server; nothing is sent there any more')
  .addOption(json())
  .action(runs(async () => (await import('./commands/workspace.ts')).workspace));

subcommand('demo', 'the main job, whole, on built-in data: films, training, evaluation, report')
  .option('--out <dir>', 'workspace (default: the one that the desktop opens)')
  .option('--films <n>', 'of each institution (default: 200)', integer(1, 100_000))
  .option('--steps <n>', 'of each training (default: 2)', integer(1, 100_000))
  .option('--threads <n>', 'threads of ONNX Runtime', integer(1, 1024))
  .addOption(json())
  .action(runs(async () => (await import('./commands/demo.ts')).demo));

subcommand('experiment', 'a study on phantom films, cell by cell; stopped, it goes on where it was')
  .addArgument(new Argument('<name>', 'which one').choices(['paper-in-miniature']))
  .option('--out <dir>', 'folder of its page, figures and results.json (default: experiments/NAME of the user folder)')
  .option('--cache <dir>', 'folder of films, runs and answers (default: cells in --out)')
  .option('--worlds <list>', 'only these, separated by commas (default: all)')
  .option('--seeds <n>', 'of each training (default: 3)', integer(1, 1000))
  .option('--films <n>', 'test films of each institution (default: 500)', integer(1, 100_000))
  .option('--validation-films <n>', 'on which prompts and formats are compared (default: 300)', integer(1, 100_000))
  .option('--sft-films <n>', 'of each SFT run (default: 480)', integer(2, 100_000))
  .option('--grpo-films <n>', 'of each GRPO run (default: 400)', integer(1, 100_000))
  .option(
    '--base <dir>',
    'the base model: make, from seeds, as the first cells; or a folder (default: the shipped one)',
  )
  .option('--base-films <n>', 'with --base make: most films of its pretraining (default: 18000)', integer(100, 100_000))
  .option('--base-steps <n>', 'with --base make: most steps of each stage (default: 1300)', integer(1, 100_000))
  .addOption(
    new Option('--executor <name>', 'what trains the adapters (default: the fastest that is there)').choices(EXECUTORS),
  )
  .option('--cells <n>', 'stops after so many; 0: only writes the page of what is there', integer(0))
  .option('--checkpoints <dir>', 'copies the default world’s checkpoints of seed 1 there, and the base that was made')
  .addOption(json())
  .action(runs(async () => (await import('./commands/experiment.ts')).experiment));

subcommand('serve', 'the application as a page on this machine: prints its address')
  .option('--port <n>', 'port on 127.0.0.1; 0: any free one', integer(0, 65535), 8765)
  .option('--workspace <dir>', 'workspace to open; by default the built-in one')
  .addOption(json())
  .action(runs(async () => (await import('./commands/serve.ts')).serve));

// In Electron's utilityProcess too the first argument is the script.
program.parseAsync(process.argv, { from: 'node' }).then(
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
