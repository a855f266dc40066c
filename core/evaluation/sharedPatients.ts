/** Patients on both sides: their films are kept, and the reader is told. */

interface Side {
  /** Empty: unknown. */
  patients: Iterable<string>;
  /** Identifiers mean something within one kind of table; those of a table of no known kind may be anyone's. */
  kind: string;
}

const PUBLISHED: readonly string[] = ['chexpert', 'nih', 'mimic'];

/** Patients of both, in the order of the second. Two publishers' identifiers are not compared. */
export function patientsOfBoth(a: Side, b: Side): string[] {
  if (a.kind !== b.kind && PUBLISHED.includes(a.kind) && PUBLISHED.includes(b.kind)) return [];
  const first = new Set(a.patients);
  return [...new Set(b.patients)].filter((patient) => patient !== '' && first.has(patient));
}

export function bothSidesWarning(source: string, target: string, patients: readonly string[]): string {
  return `Patients in both ${source} and ${target}: ${patients.length} (first: ${patients[0]}). Their films were kept; the intervals of a change draw these patients alike on both sides.`;
}

export function trainedOnWarning(trained: string, evaluated: string, patients: readonly string[]): string {
  return `Patients of ${evaluated} who are in ${trained} too, which a checkpoint was trained on: ${patients.length} (first: ${patients[0]}). Their films were kept; the figures are not all of unseen patients.`;
}

/** @param how "was trained on", "saw in …" */
export function seenWarning(checkpoint: string, evaluated: string, patients: number, how: string): string {
  return `Patients of ${evaluated} whom ${checkpoint} ${how}: ${patients}. Their films were kept; the figures are not all of unseen patients.`;
}
