import { describe, expect, it } from 'vitest';
import { CharacterSet } from '../../core/dicom/characterSet.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const decode = (terms: string[], hex: string) => new CharacterSet(terms).decode(bytes(hex));

/** The byte strings are those of PS3.5 annexes H to K. */
describe('Specific Character Set', () => {
  it('H.3.1: ISO 2022 IR 87, three groups', () => {
    const name =
      '59616d6164615e5461726f753d1b24423b3345441b28425e1b244242404f3a1b28423d1b24422464245e24401b28425e1b2442243f246d24261b2842';
    expect(decode(['', 'ISO 2022 IR 87'], name)).toBe('Yamada^Tarou=山田^太郎=やまだ^たろう');
  });

  it('H.3.2: ISO 2022 IR 13 (half-width katakana) and IR 87', () => {
    const name =
      'd4cfc0de5ec0dbb33d1b24423b3345441b284a5e1b244242404f3a1b284a3d1b24422464245e24401b284a5e1b2442243f246d24261b284a';
    expect(decode(['ISO 2022 IR 13', 'ISO 2022 IR 87'], name)).toBe('ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう');
  });

  it('I.2: ISO 2022 IR 149 (Korean)', () => {
    const name = '486f6e675e47696c646f6e673d1b242943fbf35e1b242943d1ced4d73d1b242943c8ab5e1b242943b1e6b5bf';
    expect(decode(['', 'ISO 2022 IR 149'], name)).toBe('Hong^Gildong=洪^吉洞=홍^길동');
  });

  it('K.2: ISO 2022 IR 58 (Chinese)', () => {
    const name = '5a68616e675e5869616f446f6e673d1b242941d5c55e1b242941d0a1b6ab';
    expect(decode(['', 'ISO 2022 IR 58'], name)).toBe('Zhang^XiaoDong=张^小东');
  });

  it('J.1 and J.3: UTF-8 and GB18030', () => {
    expect(decode(['ISO_IR 192'], '57616e675e5869616f446f6e673de78e8b5ee5b08fe69db1')).toBe('Wang^XiaoDong=王^小東');
    expect(decode(['GB18030'], '57616e675e5869616f446f6e673dcdf55ed0a1b6ab')).toBe('Wang^XiaoDong=王^小东');
  });

  it('single-byte sets, and several of them by escape sequences', () => {
    expect(decode(['ISO_IR 100'], '4d fc 6c 6c 65 72')).toBe('Müller');
    expect(decode(['ISO_IR 144'], 'b8 d2 d0 dd de d2')).toBe('Иванов');
    expect(decode(['ISO_IR 126'], 'c4 e9 ef ed')).toBe('Διον');
    expect(decode(['ISO 2022 IR 100', 'ISO 2022 IR 144'], '42 75 63 5e 1b 2d 4c bb ee da')).toBe('Buc^Люк');
  });

  it('an unknown set, and bytes that mean nothing, do not stop anything', () => {
    expect(new CharacterSet(['ISO_IR 999']).known).toBe(false);
    expect(decode(['ISO_IR 999'], '4d fc')).toBe('Mü');
    expect(decode(['ISO_IR 192'], '42 ff 41')).toBe('B\ufffdA');
    expect(decode(['', 'ISO 2022 IR 87'], '41 1b 5a 42 1b')).toContain('A');
  });
});
