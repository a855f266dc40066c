/** What helps where an error brings no remedy of its own, by its code or the beginning of it; the longest that fits. */

const DAMAGED =
  'The file is damaged or was cut off: copy it again from where it came. The other films are not affected.';
const UNSUPPORTED = 'Convert the file with another program; docs/CONFORMANCE.md lists what is read.';
const GONE = 'It was removed, or the workspace was changed by another program: choose another one.';
const MODEL_DAMAGED = 'Download or copy the model’s folder again; compare the sizes or hashes of its files.';
const SERVER_DOWN = 'Look whether the server is running and reachable, and ask again; what was answered is kept.';
const OURS = 'This should not happen. Start the application again; if it comes back, report it with the text below.';

const REMEDIES: Record<string, string> = {
  ADAPTER_:
    'The adapter’s folder is not as PEFT writes it: export it again, for the base model that is in the workspace.',
  ANSWER_UNKNOWN: 'Ask the checkpoint again.',
  CHAT_TEMPLATE: 'Correct chat_template.jinja in the model’s folder, or take the folder as it was published.',
  CHECKPOINT_: 'Look at its card on the Checkpoints screen.',
  CHECKPOINT_UNKNOWN: GONE,
  CODEC_: DAMAGED,
  CODEC_UNSUPPORTED: UNSUPPORTED,
  COLLECTION_UNKNOWN: GONE,
  CSV_EMPTY: 'Choose the table whose first line names its columns.',
  DECODER_CRASHED: DAMAGED,
  DEIDENTIFY_NOT_DICOM: 'Only DICOM files are exported here; PNG and JPEG files hold no header with names.',
  DEVICE_: 'Answers are made on the processor; Settings says what is there.',
  DICOM_: DAMAGED,
  DICOM_FRAME_RANGE: 'Choose a frame that the file has.',
  DICOM_INFLATE_LIMIT: UNSUPPORTED,
  DICOM_NO_PIXELS: 'It is a report, a list or another object without an image: choose an image.',
  DICOM_TOO_LARGE: UNSUPPORTED,
  DICOM_UNSUPPORTED: UNSUPPORTED,
  DICOMDIR_: 'Open the folder itself: every file in it is then looked at.',
  EVALUATION_: 'Choose another evaluation, or start it anew.',
  EVALUATION_CHOICE: 'Choose among the checkpoints, data sets and labels of this evaluation.',
  EVALUATION_CELL_UNKNOWN: 'Choose a checkpoint and a data set of this evaluation.',
  EVALUATION_RUNNING: 'Wait for it, or cancel it in the status line.',
  EVALUATION_UNKNOWN: GONE,
  FILE_: 'Look whether the path is right, and whether you may read and write there.',
  FILE_EMPTY: DAMAGED,
  FILE_NOT_A_FOLDER: 'Name a folder, or one that does not exist yet.',
  FILE_NOT_FOUND: 'Look whether the path is right, and whether the disk that it lies on is connected.',
  FILE_TOO_LARGE: UNSUPPORTED,
  FILMS_NOT_LISTED: 'Films of a data set go and come with the data set; Settings lists what was taken out.',
  FILM_TIMEOUT: DAMAGED,
  FILM_UNKNOWN: GONE,
  IMAGE_: UNSUPPORTED,
  IMAGE_NOT_FOUND: 'Look whether the path is right, and whether the disk that it lies on is connected.',
  JSON_UNREADABLE: 'Correct the file in a text editor, or remove it.',
  LOGITS_NOT_FINITE: MODEL_DAMAGED,
  FEATURES_NOT_FINITE: MODEL_DAMAGED,
  NOT_RECOGNISED:
    'Look whether the path is right. Films (DICOM, PNG, JPEG), folders of them, DICOMDIRs, label tables, checkpoints and workspaces can be opened.',
  NOT_A_FILM: 'Choose DICOM, PNG or JPEG files.',
  ONNXRUNTIME_UNAVAILABLE: 'Install again (npm ci); answers are made by the slower engine until then.',
  MODEL_: MODEL_DAMAGED,
  ONNX: OURS,
  PNG_DAMAGED: DAMAGED,
  PROMPT_: 'Choose another instruction, or put its file back into the workspace’s folder prompts.',
  REPORT_: 'Choose other sections, films or labels on the Report screen.',
  TRACE: 'Correct the lines that are named below; the others are used.',
  EXPERIMENT_: 'Start the experiment again: what is done is kept, and it goes on.',
  EXPORT_: 'Choose another folder, or look whether you may write there.',
  GRADIENT_: OURS,
  PREDICTIONS_DATASET: 'Correct the column that names the data set, or choose other data sets.',
  PROCESSOR_CONFIG: 'Take preprocessor_config.json as the model’s publisher has it.',
  SAFETENSORS: MODEL_DAMAGED,
  SERVER_: SERVER_DOWN,
  SERVER_BUSY: 'Lower the requests at once, or wait; what was answered is kept.',
  SERVER_REFUSED: 'Look at the server’s log; another model name, a key or a smaller image may be what it wants.',
  SERVER_TOO_LARGE: 'Look whether the address is that of a model server.',
  SERVER_UNKNOWN_PATH: 'Look at the address, and ask the server again what it has.',
  STATISTICS_CRASHED: 'Try again; with less memory in use it may go through.',
  TENSOR_: MODEL_DAMAGED,
  TOKEN: 'Take the tokenizer’s files as the model’s publisher has them.',
  TRAINING_: 'Look at the settings of the run and at the data set that it learns from.',
  TRAINING_CONFIG: 'Correct the setting that is named below.',
  TRAINING_EMPTY: 'Choose a data set whose films have labels, and for SFT traces or labels to learn from.',
  TRAINING_RUNNING: 'Wait for it, or stop it first.',
  TRAINING_TEMPLATE: 'Take the chat template as the model’s publisher has it.',
  TRAINING_UNKNOWN: GONE,
  WEIGHT: MODEL_DAMAGED,
  WASM_UNAVAILABLE: 'Install again (npm ci), or build libtensorflow (npm run setup:tensorflow).',
  FORWARD_: OURS,
  GENERATION_REQUEST: 'Choose another value for the setting that is named below.',
  INVALID_REQUEST: OURS,
  PIXEL_VALUES: OURS,
};

/** null: nothing is known that would help. */
export function remedyFor(code: string): string | null {
  let best = '';
  for (const start of Object.keys(REMEDIES)) if (code.startsWith(start) && start.length > best.length) best = start;
  return REMEDIES[best] ?? null;
}
