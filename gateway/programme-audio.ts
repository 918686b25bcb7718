/** The programme that people hear: a built-in tune, silence, or a WAV file played over and over. */

import { readFile } from 'node:fs/promises';
import { type AudioSource, Melody, PcmAudio } from '#codec/mpx/audio.ts';
import { readWavHeader } from '#hardware/file/wav.ts';

/** `melody`, `none`, or the path of a 16-bit stereo WAV file. */
export async function openAudio(name: string): Promise<AudioSource | null> {
  if (name === 'none') return null;
  if (name === 'melody') return new Melody();
  const bytes = await readFile(name);
  const header = readWavHeader(bytes);
  if (header.kind !== 'wav' || header.channels !== 2)
    throw Object.assign(new Error(`${name} is not a 16-bit stereo WAV file; convert it, or take "melody" or "none".`), {
      code: 'AUDIO',
    });
  const frames = Math.floor((bytes.length - header.dataOffset) / 4);
  const samples = new Int16Array(2 * frames);
  for (let k = 0; k < samples.length; k++) samples[k] = bytes.readInt16LE(header.dataOffset + 2 * k);
  return new PcmAudio(samples, header.rateHz);
}
