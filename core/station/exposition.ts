/** Prometheus' text exposition format 0.0.4: one family after the other, each with its HELP and TYPE. */

export type MetricType = 'counter' | 'gauge';
export type Labels = Readonly<Record<string, string>>;

/** Collects families in the order in which they are added. A counter is called `..._total`. */
export class Exposition {
  readonly #names = new Set<string>();
  #text = '';

  /** `samples` may be none: then the family is left out. Throws for a name that is no name or is there already. */
  family(
    name: string,
    type: MetricType,
    help: string,
    samples: readonly { value: number; labels?: Labels }[],
  ): void {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || (type === 'counter') !== name.endsWith('_total')) {
      throw new Error(`"${name}" is no name of a ${type}`);
    }
    if (this.#names.has(name)) throw new Error(`"${name}" is there already`);
    this.#names.add(name);
    if (samples.length === 0) return;
    this.#text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
    for (const { value, labels } of samples)
      this.#text += `${name}${labelText(labels)} ${numberText(value)}\n`;
  }

  counter(name: string, help: string, value: number): void {
    this.family(name, 'counter', help, [{ value }]);
  }

  gauge(name: string, help: string, value: number): void {
    this.family(name, 'gauge', help, [{ value }]);
  }

  text(): string {
    return this.#text;
  }
}

function labelText(labels: Labels | undefined): string {
  if (labels === undefined) return '';
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
