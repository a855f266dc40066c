/**
 * A dialog over the screen: takes the focus, is closed by Escape, and gives the focus back. Every one is made by this component
 * and named in SHEETS, from which a test opens each of them.
 */
import { type ReactNode, useEffect, useRef } from 'react';

export const SHEETS = ['palette', 'keys', 'doubt', 'export'] as const;
export type SheetName = (typeof SHEETS)[number];

interface SheetProps {
  name: SheetName;
  label: string;
  onClose(): void;
  /** A click beside it leaves it open: it asks something. */
  stays?: boolean;
  children: ReactNode;
}

export function Sheet({ name, label, onClose, stays = false, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself.
    <dialog
      ref={dialog}
      className={`sheet ${name}-sheet`}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => !stays && event.target === event.currentTarget && onClose()}
    >
      {children}
    </dialog>
  );
}
