/** Where the answers to learn from are looked for, beside the label table: `{"path": image as in the table, "text": ...}`. */
export const TRACES_FILE = 'traces.jsonl';
