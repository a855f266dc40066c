/** Stands on every page and in every export. */
export const NOTICE = 'Research use only. Not for diagnosis or treatment.';
