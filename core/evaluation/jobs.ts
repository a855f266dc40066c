/** What threads can be asked: one task each, everything large in shared memory. */
import { rankAccelerations, rankPoints, rankReplicates } from './ranks.ts';
import { intervals, permutationCounts, sumReplicates } from './resample.ts';
import { shiftReplicates } from './shiftReplicates.ts';

export const STATISTICS_JOBS = {
  sumReplicates,
  intervals,
  permutationCounts,
  rankReplicates,
  rankAccelerations,
  rankPoints,
  shiftReplicates,
};
export type StatisticsJobs = typeof STATISTICS_JOBS;
