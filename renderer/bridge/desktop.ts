/** In Electron: the engine is behind a MessagePort that the window gets from its preload, anew after every restart. */
import { ENGINE_PORT_MESSAGE } from '../../core/services/addresses.ts';
import { Client } from '../../core/services/client.ts';
import type { DesktopHost, Envelope, EnvelopePort, HostBridge } from '../../core/services/contract.ts';
import { markStage } from '../viewer/trace.ts';

export function connectDesktop(host: DesktopHost): HostBridge {
  const client = new Client();
  window.addEventListener('message', (event) => {
    if (event.source !== window || event.data !== ENGINE_PORT_MESSAGE || !event.ports[0]) return;
    client.attach(overMessagePort(event.ports[0]));
  });
  host.onEvent((event) => {
    if (event.type === 'engine-ended') client.detach(event.reason);
    else client.emit(event);
  });
  host.connect();
  return {
    host: 'electron',
    dialogs: true,
    engine: client,
    pickFiles: (filters) => host.pickFiles(filters),
    pickFolder: () => host.pickFolder(),
    pickSavePath: (suggestion, filters) => host.pickSavePath(suggestion, filters),
    pathsOfDrop: async () => host.pathsOfLastDrop(),
    reveal: (path) => host.reveal(path),
    setZoom: (factor) => host.setZoom(factor),
    keepKey: (address, key) => host.keepKey(address, key),
    restoreKey: (address) => host.restoreKey(address),
  };
}

function overMessagePort(port: MessagePort): EnvelopePort {
  return {
    send: (envelope) => port.postMessage(envelope),
    onEnvelope(listener) {
      port.onmessage = (event: MessageEvent<Envelope>) => {
        markStage('arrived');
        const { data } = event;
        listener(data);
      };
    },
    // A MessagePort does not tell that its other end is gone; the host does (`engine-ended`).
    onClose: () => {},
  };
}
