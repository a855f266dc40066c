/** Messages and prompts as every host writes them. Pure: no Node, no DOM. */

export type ContentPart = { type: 'text'; text: string } | { type: 'image'; image?: string };

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string | ContentPart[];
}

/** One instruction format of resources/prompts. */
export interface Prompt {
  id: string;
  name: string;
  text: string;
  /** The paper's name of the format. */
  format: string;
}
