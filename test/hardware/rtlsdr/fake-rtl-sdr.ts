/**
 * A program that behaves as `rtl_sdr`, and misbehaves as it does, for tests. What it says is what rtl_sdr.c, convenience.c and
 * librtlsdr.c of osmocom's rtl-sdr (2.0.2; 0.6.0 says the same) print with a dongle; without one it is what Debian's rtl-sdr
 * 0.6.0-4 printed on a machine without a dongle.
 */

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const NO_DEVICE = 'No supported devices found.\n';

export const FOUND = [
  'Found 1 device(s):',
  '  0:  Realtek, RTL2838UHIDIR, SN: 00000001',
  '',
  'Using device 0: Generic RTL2832U OEM',
  '',
].join('\n');

export const CLAIMED = `${FOUND}usb_claim_interface error -6\nFailed to open rtlsdr device #0.\n`;

export const KERNEL_DRIVER = [
  FOUND,
  'Kernel driver is active, or device is claimed by second instance of librtlsdr.',
  'In the first case, please either detach or blacklist the kernel module',
  '(dvb_usb_rtl28xxu), or enable automatic detaching at compile time.',
  '',
  'usb_claim_interface error -6',
  'Failed to open rtlsdr device #0.',
  '',
].join('\n');

export const DENIED = [
  FOUND,
  'usb_open error -3',
  'Please fix the device permissions, e.g. by installing the udev rules file rtl-sdr.rules',
  'Failed to open rtlsdr device #0.',
  '',
].join('\n');

export const NO_OPTION_T = [
  "rtl_sdr: invalid option -- 'T'",
  'rtl_sdr, an I/Q recorder for RTL2832 based DVB-T receivers',
  '',
  'Usage:\t -f frequency_to_tune_to [Hz]',
  '\t[-s samplerate (default: 2048000 Hz)]',
  "\tfilename (a '-' dumps samples to stdout)",
  '',
].join('\n');

export const STARTED = [
  `${FOUND}Found Rafael Micro R820T tuner`,
  'Exact sample rate is: 250000.000414 Hz',
  '[R82XX] PLL not locked!',
  'Sampling at 250000 S/s.',
  'Tuned to 98500000 Hz.',
  'Tuner gain set to 19.70 dB.',
  'Reading samples in async mode...',
  '',
].join('\n');

/** Pulled out of its socket (LIBUSB_TRANSFER_NO_DEVICE). */
export const PULLED = 'cb transfer status: 5, canceling...\n\nLibrary error -5, exiting...\n';

/** What the program does, as the body of a script with `say(text)`, `samples(bytes)`, `end(status)` and `argv`. */
export function writeFakeRtlSdr(folder: string, body: string): string {
  const path = join(folder, 'rtl_sdr');
  const script = `#!${process.execPath}
const { appendFileSync, writeSync } = require('node:fs');
const argv = process.argv.slice(2);
appendFileSync(${JSON.stringify(`${path}.calls`)}, argv.join(' ') + '\\n');
const say = (text) => { writeSync(2, text); };
const samples = (bytes) => { process.stdout.write(bytes); };
const end = (status) => { process.exitCode = status; };
// As rtl_sdr.c: it ends in order.
let stop = () => { say('Signal caught, exiting!\\n\\nUser cancel, exiting...\\n'); process.exit(0); };
process.on('SIGTERM', () => stop());
let broken = () => { say('Short write, samples lost, exiting!\\n'); process.exit(1); };
process.stdout.on('error', () => broken());
${body}
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}
