/** Server-sent events (WHATWG HTML 9.2.6): the `data` of each event. Comments, names, ids and retry times are passed over. */
import { StringDecoder } from 'node:string_decoder';

export async function* events(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let data: string[] = [];
  for await (const chunk of body) {
    rest += decoder.write(chunk);
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) {
        data.push(line.slice(line[5] === ' ' ? 6 : 5));
      }
    }
  }
  // An event that no blank line ended is passed over, as the standard says; servers end `[DONE]` so at times.
  if (rest.startsWith('data: [DONE]')) yield '[DONE]';
}
