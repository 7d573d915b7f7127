/**
 * Gives a text to the person as a file. A link with `download` is no request and no navigation to the strict CSP;
 * the address is freed once the browser has taken it.
 */
export function downloadText(fileName: string, text: string, type = 'application/x-pem-file'): void {
  download(fileName, new Blob([text], { type }));
}

/** The same for bytes. */
export function downloadBytes(fileName: string, bytes: Uint8Array, type = 'application/octet-stream'): void {
  download(fileName, new Blob([Uint8Array.from(bytes)], { type }));
}

function download(fileName: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name that every file system takes: `plant sensor/7` gives `plant-sensor-7`. */
export function fileNameOf(text: string, ending: string): string {
  const base = text
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[.-]+|-+$/g, '')
    .slice(0, 80);
  return `${base === '' ? 'certificate' : base}.${ending}`;
}
