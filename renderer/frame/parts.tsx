/** Small parts that several screens use. */

import { type ReactNode, useState } from 'react';
import type { ErrorData } from '../../core/base/errors.ts';
import type { Progress } from '../../core/base/progress.ts';
import type { JobInfo } from '../../core/services/contract.ts';
import { remedyFor } from '../text/remedies.ts';
import { text } from '../text.ts';
import { useWorkbench } from './context.ts';
import { Check, Copy, Download, TriangleAlert, X } from './icons.ts';

/** A button that is a picture: its name is spoken and shown as a tooltip, with the key. */
export function IconButton(props: {
  title: string;
  keys?: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick(): void;
  children: ReactNode;
}) {
  const { title, keys, pressed, disabled, onClick, children } = props;
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={title}
      aria-pressed={pressed}
      title={keys ? `${title}  (${keys})` : title}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

export function CopyButton({
  value,
  title = text.frame.copy,
}: {
  value: () => string | Promise<string>;
  title?: string;
}) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(await value());
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  }
  return (
    <button type="button" className="quiet" onClick={() => void copy()}>
      {copied ? <Check size={14} /> : <Copy size={14} />}
      {copied ? text.frame.copied : title}
    </button>
  );
}

/** Saves what stands beside it. */
export function QuietButton({ title, onClick }: { title: string; onClick(): void }) {
  return (
    <button type="button" className="quiet" onClick={onClick}>
      <Download size={14} />
      {title}
    </button>
  );
}

/** What went wrong, where, and what helps. */
export function ErrorBox({ title, error, onDismiss }: { title?: string; error: ErrorData; onDismiss?(): void }) {
  const remedy = error.remedy ?? remedyFor(error.code);
  const where = Object.entries(error.details).filter(([, value]) => value !== null && typeof value !== 'object');
  return (
    <div className="error-box">
      <TriangleAlert size={16} aria-hidden="true" />
      <div className="error-body">
        {title && <strong>{title}</strong>}
        <p>{error.message}</p>
        {remedy && (
          <p className="remedy">
            {text.frame.remedy}
            {remedy}
          </p>
        )}
        <p className="where">
          {[error.code, ...where.map(([name, value]) => `${name}: ${value}`)].filter(Boolean).join(' · ')}
        </p>
      </div>
      {onDismiss && (
        <IconButton title={text.frame.dismiss} onClick={onDismiss}>
          <X size={14} />
        </IconButton>
      )}
    </div>
  );
}

/** What an empty place says: what it is for, and what to do next. */
export function Empty({ title, hint, children }: { title: string; hint?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {hint && <p>{hint}</p>}
      {children}
    </div>
  );
}

export function ProgressBar({ progress, label }: { progress: Progress | null; label: string }) {
  const { done = 0, total = null } = progress ?? {};
  const known = total !== null && total > 0;
  return (
    <progress className="bar" aria-label={label} max={known ? total : undefined} value={known ? done : undefined} />
  );
}

/** Pauses a job that can be, and lets it go on. */
export function PauseButton({ job }: { job: JobInfo | undefined }) {
  const { frame } = useWorkbench();
  if (!job?.pause) return null;
  return (
    <button type="button" onClick={() => void frame.togglePause(job)}>
      {job.pause === 'asked' ? text.frame.resume : text.frame.pause}
    </button>
  );
}

/** `Paused`, or that it soon will be; nothing where it goes on. */
export function pauseText(job: JobInfo | undefined): string {
  if (job?.pause !== 'asked') return '';
  return job.state === 'paused' ? text.frame.paused : text.frame.pausing;
}

/** A checkpoint's colour, everywhere the same, and a shape that goes with it. */
export function RoleDot({ role }: { role: string }) {
  return <span className={`role-dot role-${role}`} aria-hidden="true" />;
}
