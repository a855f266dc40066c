/** Pieces of Markdown. */

export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

/** The first column is text, the others too where `right` is not given. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right = false): string {
  const rule = head.map((_, i) => (right && i > 0 ? '---:' : '---'));
  return [head, rule, ...rows].map((cells) => `| ${cells.map(escaped).join(' | ')} |`).join('\n');
}

function escaped(text: string): string {
  return text.replace(/\|/g, '\\|');
}
