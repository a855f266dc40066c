/**
 * The engine as Electron's utilityProcess, and a port to it for every window. A crash costs the requests under way: the
 * engine is started again, and each window gets a new port.
 */
import { MessageChannelMain, type MessagePortMain, utilityProcess, type WebContents } from 'electron';
import { Client } from '../../core/services/client.ts';
import type { DesktopEvent, Envelope } from '../../core/services/contract.ts';
import type { EngineArguments, HostMessage } from '../engine/process.ts';
import { type Supervised, Supervisor } from '../engine/supervisor.ts';

interface EngineProcess extends Supervised {
  pid(): number | undefined;
  connect(port: MessagePortMain): void;
  tell(message: HostMessage): void;
}

export class EngineHost {
  /** The host's own line to the engine, whatever windows there are. */
  readonly client = new Client();
  private readonly windows = new Set<WebContents>();
  private readonly supervisor: Supervisor<EngineProcess>;

  /** @param keys of servers, which every engine is told when it starts */
  constructor(program: string, args: EngineArguments, keys: () => Record<string, string>) {
    this.supervisor = new Supervisor(
      () => launch(program, args),
      (engine, reason) => {
        engine.tell({ keys: keys() });
        this.attachClient(engine);
        if (reason === null) return;
        this.client.emit({ type: 'engine-restarted', reason });
        for (const window of this.windows) this.giveThePort(window);
        this.tell({ type: 'engine-restarted', reason });
      },
      (reason) => {
        this.client.detach(reason);
        this.tell({ type: 'engine-ended', reason });
      },
    );
  }

  get pid(): number | undefined {
    return this.supervisor.process?.pid();
  }

  /** The window gets a port now and after every restart; a window that was loaded again gets a new one. */
  connect(window: WebContents): void {
    if (!this.windows.has(window)) {
      this.windows.add(window);
      window.once('destroyed', () => this.windows.delete(window));
    }
    this.giveThePort(window);
  }

  stop(): void {
    this.supervisor.stop();
  }

  private attachClient(engine: EngineProcess): void {
    const { port1, port2 } = new MessageChannelMain();
    engine.connect(port1);
    this.client.attach({
      send: (envelope) => port2.postMessage(envelope),
      onEnvelope: (listener) => {
        port2.on('message', ({ data }) => listener(data as Envelope));
        port2.start();
      },
      // The supervisor tells.
      onClose: () => {},
    });
  }

  private giveThePort(window: WebContents): void {
    const engine = this.supervisor.process;
    // Between an end and the next start there is none; the start gives it.
    if (!engine) return;
    const { port1, port2 } = new MessageChannelMain();
    engine.connect(port1);
    window.postMessage('engine-port', null, [port2]);
  }

  private tell(event: DesktopEvent): void {
    for (const window of this.windows) window.send('host-event', event);
  }
}

function launch(program: string, args: EngineArguments): EngineProcess {
  const child = utilityProcess.fork(program, [JSON.stringify(args)], {
    serviceName: 'ChexReason engine',
    stdio: 'inherit',
  });
  return {
    pid: () => child.pid,
    connect: (port) => child.postMessage(null, [port]),
    tell: (message) => child.postMessage(message),
    onEnd: (listener) => child.once('exit', (code) => listener(`ended with status ${code}`)),
    stop: () => child.kill(),
  };
}
