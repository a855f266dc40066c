/** A path: typed or pasted everywhere, chosen in a dialog where the host has one. */

import { text } from '../text.ts';
import { useWorkbench } from './context.ts';
import { FolderOpen } from './icons.ts';
import { IconButton } from './parts.tsx';

export function PathField(props: {
  label: string;
  kind: 'file' | 'folder';
  value: string;
  hint?: string;
  onChange(path: string): void;
}) {
  const { bridge } = useWorkbench();
  async function choose() {
    const path = props.kind === 'folder' ? await bridge.pickFolder() : (await bridge.pickFiles())[0];
    if (path) props.onChange(path);
  }
  return (
    <div className="field wide">
      <label>
        <span>{props.label}</span>
        <input value={props.value} placeholder={props.hint} onChange={(event) => props.onChange(event.target.value)} />
      </label>
      {bridge.dialogs && (
        <IconButton title={`${text.evaluate.browse}: ${props.label}`} onClick={() => void choose()}>
          <FolderOpen size={16} />
        </IconButton>
      )}
    </div>
  );
}
