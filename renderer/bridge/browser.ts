/**
 * In a browser: the engine is behind the WebSocket of the page host that served this page. A lost connection is tried
 * again, so that the page lives through a restart of the host.
 */
import { PAGE_HOST } from '../../core/services/addresses.ts';
import { decodeEnvelope, encodeEnvelope } from '../../core/services/cbor.ts';
import { Client } from '../../core/services/client.ts';
import type { EnvelopePort, HostBridge } from '../../core/services/contract.ts';
import { copyDrop } from './drop.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

export function connectBrowser(location: Pick<Location, 'protocol' | 'host'>): HostBridge {
  const client = new Client();
  const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${PAGE_HOST.socket}`;
  keepConnected(client, address);
  return {
    host: 'browser',
    dialogs: false,
    engine: client,
    pickFiles: async () => [],
    pickFolder: async () => null,
    pickSavePath: async () => null,
    pathsOfDrop: (drop, onCopied) => copyDrop(drop as DataTransfer, onCopied),
    reveal: async () => {},
    // The browser's own zoom does the same; this is for the setting.
    setZoom: async (factor) => document.documentElement.style.setProperty('zoom', String(factor)),
    keepKey: async () => false,
    restoreKey: async () => false,
  };
}

function keepConnected(client: Client, address: string): void {
  let wait = FIRST_WAIT_MS;
  let before = false;
  const open = () => {
    const socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      wait = FIRST_WAIT_MS;
      client.attach(overSocket(socket));
      if (before) client.emit({ type: 'changed', what: 'workspace' });
      before = true;
    };
    socket.addEventListener('close', () => {
      setTimeout(open, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    });
  };
  open();
}

function overSocket(socket: WebSocket): EnvelopePort {
  return {
    send: (envelope) => socket.send(encodeEnvelope(envelope) as Uint8Array<ArrayBuffer>),
    onEnvelope(listener) {
      socket.onmessage = (event: MessageEvent<ArrayBuffer>) => listener(decodeEnvelope(new Uint8Array(event.data)));
    },
    onClose(listener) {
      socket.addEventListener('close', (event) =>
        listener(event.reason || 'The connection to the page host was lost.'),
      );
    },
  };
}
