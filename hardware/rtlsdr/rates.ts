/**
 * What the resampler of an RTL2832U can be set to (`rtlsdr_set_sample_rate` in librtlsdr.c). Asked for another rate, librtlsdr
 * says so on its own terminal only and goes on at the rate it had: whoever asks must know beforehand.
 */
export function isDongleRate(rateHz: number): boolean {
  return (rateHz >= 225_001 && rateHz <= 300_000) || (rateHz >= 900_001 && rateHz <= 3_200_000);
}

/** For people. */
export const DONGLE_RATES = '225,001 to 300,000 or 900,001 to 3,200,000';

/** Bytes that librtlsdr collects from the dongle before it hands them on (DEFAULT_BUF_LENGTH, 16 * 32 * 512). */
export const USB_BUFFER_BYTES = 262_144;
