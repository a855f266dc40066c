/** A tool button of a command: its name, its key (the user's, where it was rebound) and what it does are the command's. */
import type { ReactNode } from 'react';
import { keyText } from '../state/keys.ts';
import { useCommand } from './context.ts';
import { IconButton } from './parts.tsx';

export function CommandButton(props: { id: string; pressed?: boolean; disabled?: boolean; children: ReactNode }) {
  const { id, pressed, disabled, children } = props;
  const command = useCommand(id);
  return (
    <IconButton
      title={command.title}
      keys={command.keys[0] && keyText(command.keys[0])}
      pressed={pressed}
      disabled={disabled}
      onClick={() => void command.run()}
    >
      {children}
    </IconButton>
  );
}
