/** Envelopes as bytes, for the WebSocket: CBOR (RFC 8949) with typed arrays (RFC 8746). Pure: no Node, no DOM. */
import { Encoder } from 'cbor-x';
import type { Envelope } from './contract.ts';

/** Plain maps, no record extension: readable by any CBOR reader, and decoded without making functions from text. */
const cbor = new Encoder({ useRecords: false, mapsAsObjects: true });

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return cbor.encode(envelope);
}

export function decodeEnvelope(bytes: Uint8Array): Envelope {
  return cbor.decode(bytes);
}
