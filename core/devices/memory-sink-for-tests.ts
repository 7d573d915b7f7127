import type { DeviceSink, KeptDevice, KeptSeries, KeptTopic, TopicSink } from './records.ts';

/** A record that keeps the latest of everything it is given, as the real one would after a commit. */
export class MemorySink implements DeviceSink, TopicSink {
  readonly devices = new Map<number, KeptDevice>();
  readonly series = new Map<number, KeptSeries>();
  readonly topics = new Map<string, KeptTopic>();
  puts = 0;

  putDevice(device: KeptDevice): void {
    this.puts++;
    this.devices.set(device.id, device);
  }

  putSeries(series: KeptSeries): void {
    this.puts++;
    this.series.set(series.id, series);
  }

  putTopic(topic: KeptTopic): void {
    this.topics.set(topic.topic, topic);
  }

  /** What a restart would load: copies, as they come from a file. */
  catalog(lastValues: [series: number, t: number, v: number, receivedMs: number][] = []) {
    return structuredClone({
      devices: [...this.devices.values()],
      series: [...this.series.values()],
      topics: [...this.topics.values()],
      lastValues: {
        series: Int32Array.from(lastValues, (row) => row[0]),
        t: Float64Array.from(lastValues, (row) => row[1]),
        v: Float64Array.from(lastValues, (row) => row[2]),
        receivedMs: Float64Array.from(lastValues, (row) => row[3]),
      },
    });
  }
}

/** Columns from rows. */
export function columnsOf(...rows: [series: number, t: number, v: number][]) {
  return {
    length: rows.length,
    series: Int32Array.from(rows, (row) => row[0]),
    t: Float64Array.from(rows, (row) => row[1]),
    v: Float64Array.from(rows, (row) => row[2]),
  };
}
