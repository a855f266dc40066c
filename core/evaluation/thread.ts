/** The inside of a thread that resamples (threads.ts). */
import { serveJobs } from '../platform/threads.ts';
import { STATISTICS_JOBS } from './jobs.ts';

serveJobs(STATISTICS_JOBS);
