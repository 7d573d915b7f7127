import { expect, it } from 'vitest';
import { deviceLabel } from './device-label.ts';

const key = (text: string) => deviceLabel({ name: text, key: text });

it('sets the last level of a topic apart, and the authority of a CoAP server', () => {
  expect(key('plant/hall-1/oven')).toEqual({ before: 'plant/hall-1/', main: 'oven', after: '' });
  expect(key('coap://10.0.0.7:5683')).toEqual({ before: 'coap://', main: '10.0.0.7:5683', after: '' });
  expect(key('oven')).toEqual({ before: '', main: 'oven', after: '' });
  expect(key('a/')).toEqual({ before: '', main: 'a/', after: '' });
});

it('shows the name first where somebody gave one', () => {
  expect(deviceLabel({ name: 'Oven 3', key: 'plant/oven-3' })).toEqual({
    before: '',
    main: 'Oven 3',
    after: 'plant/oven-3',
  });
});
