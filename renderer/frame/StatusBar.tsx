/** The line at the bottom: the engine and why it, memory, work under way, and where anything may be sent. */

import type { ExecutorInfo } from '../../core/models/runner.ts';
import type { JobInfo } from '../../core/services/contract.ts';
import { isUnderWay } from '../state/frame.ts';
import { bytes, text } from '../text.ts';
import { useFrom, useWorkbench } from './context.ts';
import { Cpu, Pause, Play, ShieldCheck, X } from './icons.ts';
import { IconButton, ProgressBar, pauseText } from './parts.tsx';

export function StatusBar() {
  const { frame } = useWorkbench();
  const app = useFrom(frame, (state) => state.app);
  const jobs = useFrom(frame, (state) => state.jobs);
  const running = jobs.filter(isUnderWay);
  const network = app?.network ?? [];
  return (
    <footer className="status" data-area="status">
      <span className="status-item" title={app ? engineWhy(app.engine.generation) : ''}>
        <Cpu size={14} aria-hidden="true" />
        {app ? engineName(app.engine.generation) : text.frame.connecting}
      </span>
      {app && (
        <span className="status-item" title={text.frame.memory}>
          {bytes(app.engine.memoryBytes)}
        </span>
      )}
      <div className="status-jobs" role="status" aria-label={text.frame.jobs}>
        {running.map((job) => (
          <Job key={job.id} job={job} />
        ))}
      </div>
      <span className="status-item">
        <ShieldCheck size={14} aria-hidden="true" />
        {network.length === 0 ? text.frame.offline : text.frame.network(network)}
      </span>
      <span className="status-item">{text.frame.research}</span>
    </footer>
  );
}

function Job({ job }: { job: JobInfo }) {
  const { frame } = useWorkbench();
  const { progress, pause } = job;
  const left = progress?.secondsLeft;
  const pausing = pauseText(job);
  return (
    <span className="job">
      <span className="job-title">{job.title || text.frame.jobKinds[job.kind]}</span>
      {/* Of an opening: bytes are read first, then parameters converted, and only the stage says which. */}
      {progress && job.kind === 'load' && <span className="job-stage muted">{progress.stage}</span>}
      <ProgressBar progress={progress} label={job.title} />
      {progress && <span>{text.frame.progress(progress.done, progress.total)}</span>}
      {pausing && <span>{pausing}</span>}
      {!pausing && typeof left === 'number' && <span>{text.frame.left(left)}</span>}
      {pause && (
        <IconButton
          title={pausing ? text.frame.resumeJob(job.title) : text.frame.pauseJob(job.title)}
          onClick={() => void frame.togglePause(job)}
        >
          {pausing ? <Play size={12} /> : <Pause size={12} />}
        </IconButton>
      )}
      <IconButton title={text.frame.cancelJob(job.title)} onClick={() => void frame.cancelJob(job.id)}>
        <X size={12} />
      </IconButton>
    </span>
  );
}

export function engineName(info: ExecutorInfo): string {
  return [info.name, info.version].filter(Boolean).join(' ');
}

export function engineWhy(info: ExecutorInfo): string {
  return info.reason;
}
