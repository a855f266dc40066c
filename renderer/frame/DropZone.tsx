/** Files and folders dropped anywhere on the window are opened as what they are. */
import { type ReactNode, useEffect, useState } from 'react';
import { text } from '../text.ts';
import { useWorkbench } from './context.ts';

export function DropZone({ children }: { children: ReactNode }) {
  const workbench = useWorkbench();
  const [over, setOver] = useState(false);
  const [copied, setCopied] = useState<{ done: number; total: number } | null>(null);

  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const onOver = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      workbench.bridge
        .pathsOfDrop(event.dataTransfer, (done, total) => setCopied(done < total ? { done, total } : null))
        .then(workbench.openPaths)
        .catch((error) => {
          setCopied(null);
          workbench.frame.fail(text.frame.dropFailed, error);
        });
    };
    window.addEventListener('dragover', onOver);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('drop', onDrop);
    };
  }, [workbench]);

  return (
    <>
      {children}
      {over && <div className="drop-here">{text.frame.dropHere}</div>}
      {copied && (
        <div className="drop-copying" role="status">
          {text.frame.copying(copied.done, copied.total)}
        </div>
      )}
    </>
  );
}
