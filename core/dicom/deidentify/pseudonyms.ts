/**
 * What stands in for identifiers: HMACs with a workspace's secret salt, so that the same old value has the same new one in
 * every file and every export of the workspace, nothing has to be kept but the salt, and without it nobody can try names.
 */
import { createHmac } from 'node:crypto';

/** UIDs of the standard itself (classes, syntaxes, coding schemes) are no identifiers. */
const STANDARD_ROOT = '1.2.840.10008.';
/** Without I, L, O and U, which are read as something else. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PSEUDONYM_LENGTH = 10;
/** Dates move back by 1 to 3,650 days. */
const MAX_SHIFT_DAYS = 3650;

export class Pseudonyms {
  constructor(
    /** Hexadecimal. */
    private readonly salt: string,
  ) {}

  /** A UID under 2.25 (PS3.5 B.2); UIDs of the standard stay as they are. */
  uid(old: string): string {
    if (old === '' || old.startsWith(STANDARD_ROOT)) return old;
    const bytes = this.hash('uid', old).subarray(0, 16);
    // The form of a random UUID (RFC 9562, version 4).
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    return `2.25.${BigInt(`0x${Buffer.from(bytes).toString('hex')}`)}`;
  }

  /** `CR-` and ten characters; stands for Patient ID and name. */
  patient(key: string): string {
    const bytes = this.hash('patient', key);
    const letters = Array.from({ length: PSEUDONYM_LENGTH }, (_, i) => ALPHABET[bytes[i]! % ALPHABET.length]);
    return `CR-${letters.join('')}`;
  }

  /** Days, negative. */
  dateShift(patientKey: string): number {
    return -1 - (this.hash('dates', patientKey).readUInt32BE(0) % MAX_SHIFT_DAYS);
  }

  /** Of a file's content, to tell files of the same UID apart by name. */
  fileMark(bytes: Uint8Array): string {
    return createHmac('sha256', this.salt).update('file').update(bytes).digest('hex').slice(0, 8);
  }

  private hash(kind: string, value: string): Buffer {
    return createHmac('sha256', this.salt).update(`${kind}\0${value}`).digest();
  }
}
