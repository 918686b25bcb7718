/** Follows the events of the programs and says what they mean: losses seen, losses repaired. */

import type { ProgramEvent, ProgramName } from './processes.ts';
import { bar, bytesText, type Screen } from './screen.ts';

const count = (value: unknown): number => (typeof value === 'number' ? value : 0);

export class AirReport {
  readonly #screen: Screen;
  #groups = 0;
  #lostGroups = 0;
  #symbols = 0;
  #symbolsNeeded = 0;
  #packageBytes = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  take(from: ProgramName, event: ProgramEvent): void {
    if (from === 'gateway') this.#fromGateway(event);
    if (from === 'receiver') this.#fromReceiver(event);
  }

  #fromGateway(event: ProgramEvent): void {
    if (event['event'] === 'job-stored') this.#screen.step('gateway', String(event['text']));
    if (event['event'] === 'job-on-air') this.#screen.step('gateway', String(event['text']));
  }

  #fromReceiver(event: ProgramEvent): void {
    switch (event['event']) {
      case 'tuned':
        this.#screen.step('receiver', `hears a station with PI ${String(event['pi'])} that announces Carillon`);
        break;
      case 'reception':
        this.#groups = count(event['groups']);
        this.#lostGroups = this.#groups - count(event['wholeGroups']);
        this.#show();
        break;
      case 'progress':
        this.#symbols = count(event['symbols']);
        this.#symbolsNeeded = count(event['symbolsNeeded']);
        this.#show();
        break;
      case 'package':
        this.#packageBytes = count(event['sizeBytes']);
        this.#screen.step('receiver', `has all ${bytesText(this.#packageBytes)} bytes of the package`);
        break;
      default:
        break;
    }
  }

  #show(): void {
    if (this.#groups === 0 || this.#packageBytes > 0) return;
    const lost = `${this.#lostGroups} of ${this.#groups} groups lost`;
    if (this.#symbolsNeeded === 0) {
      this.#screen.move(`nothing heard for this device yet; ${lost}`);
      return;
    }
    const fraction = this.#symbols / this.#symbolsNeeded;
    this.#screen.move(
      `${bar(fraction)} ${Math.floor(100 * fraction)} % of ${this.#symbolsNeeded} symbols; ${lost}, any others replace them`,
    );
  }

  conclude(): void {
    if (this.#groups === 0) return;
    const percent = ((100 * this.#lostGroups) / this.#groups).toFixed(1);
    const lost = `lost ${this.#lostGroups} of ${this.#groups} groups (${percent} %)`;
    this.#screen.step('receiver', this.#lostGroups === 0 ? lost : `${lost}; later ones made up for them`);
  }

  figures(): object {
    return { packageBytes: this.#packageBytes, groups: this.#groups, lostGroups: this.#lostGroups };
  }
}
