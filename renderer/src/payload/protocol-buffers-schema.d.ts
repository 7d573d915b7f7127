/** The package brings no types; these are the parts that are used. */
declare module 'protocol-buffers-schema' {
  export interface SchemaField {
    name: string;
    type: string;
    tag: number;
    map: { from: string; to: string } | null;
    oneof: string | null;
    repeated: boolean;
    options: Record<string, unknown>;
  }
  export interface SchemaEnum {
    name: string;
    values: Record<string, { value: number }>;
  }
  export interface SchemaMessage {
    name: string;
    enums: SchemaEnum[];
    messages: SchemaMessage[];
    fields: SchemaField[];
  }
  export interface Schema {
    package: string | null;
    imports: string[];
    enums: SchemaEnum[];
    messages: SchemaMessage[];
  }
  export default function parse(text: string): Schema;
}
