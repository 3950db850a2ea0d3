const bytesMin = 32;

/** Refuses a secret that could be guessed. */
export const lengthProblem = (secret: string): string | null =>
  new TextEncoder().encode(secret).length < bytesMin ? `must have at least ${bytesMin} bytes in each secret` : null;

/** An id that a sender may give to a delivery: what a header can say, and short enough to be kept. */
export const isDeliveryId = (id: string): boolean => /^[\x21-\x7e]{1,128}$/.test(id);
