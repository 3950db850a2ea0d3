interface Related {
  readonly about: {
    readonly name?: string;
    readonly contentType?: string;
    readonly md5Hash?: string;
    readonly metadata?: Record<string, string>;
  };
  readonly content: Buffer;
}

/** The two parts of a multipart/related upload: a JSON description and the content. Null where it is not whole. */
export function readRelated(type: string, body: Buffer): Related | null {
  const [, boundary] = /^multipart\/related; boundary="?([^"]+?)"?$/.exec(type) ?? [];
  if (
    boundary === undefined ||
    !body
      .subarray(-boundary.length - 6)
      .toString()
      .includes(`\n--${boundary}--`)
  )
    return null;
  const first = partAfter(body, body.indexOf(`--${boundary}`), boundary);
  const second = partAfter(body, first.end, boundary);
  return { about: JSON.parse(first.content.toString()), content: second.content };
}

function partAfter(body: Buffer, from: number, boundary: string): { content: Buffer; end: number } {
  const start = body.indexOf('\r\n\r\n', from) + 4;
  const end = body.indexOf(`\r\n--${boundary}`, start);
  return { content: body.subarray(start, end), end };
}
