"""Writes the files of this folder and manifest.json: corners of PS3.3 and PS3.5 that the other samples leave out.

    python make.py            pydicom 3.0.2, numpy; pylibjpeg-openjpeg for the JPEG 2000 files

The images are noise made here (CC0). The expected values are computed from the values that were packed, by the formulas of the
sample data's manifest (tests/support/dicomManifest.ts), and not read back; pydicom is asked too where it knows the case.
"""
import hashlib, json, pathlib, struct, zlib
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.sequence import Sequence
from pydicom.uid import *

HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(4)
ENTRIES = []


def dataset(rows, columns, photometric="MONOCHROME2", allocated=16, stored=None, high=None, signed=0, samples=1, **extra):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", f"2.25.{len(ENTRIES) + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1001", "2.25.1002"
    ds.PatientName, ds.PatientID, ds.Modality = "Variant^Made", "V", "OT"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = rows, columns, samples, photometric
    ds.BitsAllocated, ds.BitsStored = allocated, stored or allocated
    ds.HighBit = (stored or allocated) - 1 if high is None else high
    ds.PixelRepresentation = signed
    if samples == 3:
        ds.PlanarConfiguration = 0
    for keyword, value in extra.items():
        setattr(ds, keyword, value)
    return ds


def sha(array):
    array = np.ascontiguousarray(array)
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def save(name, ds, stored, note, syntax=ExplicitVRLittleEndian, modality=None, gray=None, rgb=None, raw=None, check=True):
    """stored: [frames, rows, columns, samples]; gray: of frame 0 after the first window, before inversion."""
    path = HERE / f"{name}.dcm"
    stored = stored.reshape(int(getattr(ds, "NumberOfFrames", 1)), ds.Rows, ds.Columns, ds.SamplesPerPixel)
    if raw is None:
        # pydicom does not know all syntaxes: those are written as JPEG 2000, whose UID is as long.
        known = syntax.is_transfer_syntax
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax if known else JPEG2000Lossless
        ds.save_as(path, enforce_file_format=True, implicit_vr=syntax == ImplicitVRLittleEndian,
                   little_endian=syntax != ExplicitVRBigEndian)
        if not known:
            path.write_bytes(path.read_bytes().replace(JPEG2000Lossless.encode(), syntax.encode().ljust(22, b"\0"), 1))
    else:
        path.write_bytes(raw)
    entry = {
        "path": path.name, "expect": "decode", "note": note, "transfer_syntax": syntax, "photometric": ds.PhotometricInterpretation,
        "header": {}, "lossy": False,
        "stored": {"frames": stored.shape[0], "rows": ds.Rows, "cols": ds.Columns, "samples": ds.SamplesPerPixel,
                   "dtype": str(stored.dtype), "min": float(stored.min()), "max": float(stored.max()),
                   "mean": float(stored.astype(float).mean()), "sha256": sha(stored)},
    }
    if ds.SamplesPerPixel == 1 and ds.PhotometricInterpretation != "PALETTE COLOR":
        values = stored.astype(float) if modality is None else modality
        entry["modality"] = {"source": "none" if modality is None else "lut" if "ModalityLUTSequence" in ds else "rescale",
                             "min": float(values.min()), "max": float(values.max()), "mean": float(values.mean())}
        kind, image = gray if gray is not None else ("minmax", minmax(values))
        entry["voi8"] = {kind: {"min": float(image.min()), "max": float(image.max()), "mean": float(image.mean()), "sha256": sha(image)}}
    if rgb is not None:
        entry["rgb"] = {"dtype": "uint8", "min": float(rgb.min()), "max": float(rgb.max()), "mean": float(rgb.mean()), "sha256": sha(rgb)}
    if check:
        ours = pydicom.pixels.pixel_array(path, raw=True)
        if not np.array_equal(ours.reshape(stored.shape), stored):
            entry["pydicom"] = "differs"
    ENTRIES.append(entry)


def half_up(y):
    return np.floor(y + 0.5).astype(np.uint8)


def minmax(x):
    low, high = x.min(), x.max()
    return half_up((x - low) / (high - low) * 255) if high > low else np.zeros(x.shape, np.uint8)


def window(x, c, w, function="LINEAR"):
    x = x.astype(float)
    if function == "SIGMOID":
        return "window0", half_up(255 / (1 + np.exp(-4 * (x - c) / w)))
    if function == "LINEAR_EXACT":
        return "window0", half_up(np.clip(((x - c) / w + 0.5) * 255, 0, 255))
    below, above = x <= c - 0.5 - (w - 1) / 2, x > c - 0.5 + (w - 1) / 2
    y = np.zeros(x.shape) if w == 1 else ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
    return "window0", half_up(np.where(below, 0, np.where(above, 255, np.clip(y, 0, 255))))


def lut(x, first, table, bits):
    index = np.clip(np.floor(x + 0.5).astype(int) - first, 0, len(table) - 1)
    return "lut0", half_up(np.asarray(table)[index] * 255.0 / (2**bits - 1))


def noise(shape, low, high, dtype):
    return RNG.integers(low, high, shape, endpoint=True, dtype=np.int64).astype(dtype)


def words(values, stored, high, allocated, garbage=True):
    """Stored values to cells; whatever is around the stored bits is noise."""
    shift = high + 1 - stored
    mask = ((1 << stored) - 1) << shift
    cells = (values.astype(np.int64) << shift) & mask
    if garbage:
        cells |= noise(values.shape, 0, 2**allocated - 1, np.int64) & ~mask & (2**allocated - 1)
    return cells.astype(f"<u{allocated // 8}").tobytes()


def lut_item(first, table, bits, vr="US", data="OW", signed=False, count=None, data_bytes=None):
    item = Dataset()
    count = len(table) if count is None else count
    descriptor = [count, first, bits]
    item.add_new(0x00283002, "SS" if signed else "US", descriptor)
    if data == "OW":
        item.add_new(0x00283006, "OW", data_bytes or np.asarray(table, "<u2").tobytes())
    else:
        item.add_new(0x00283006, "US", [int(v) for v in table])
    return item


# ------------------------------------------------------------------------------------------------------------- cells
for name, allocated, stored, high, signed in [
    ("cells_u16_10_13", 16, 10, 13, 0), ("cells_s16_10_12", 16, 10, 12, 1), ("cells_u8_6_7", 8, 6, 7, 0),
    ("cells_s8_5_6", 8, 5, 6, 1), ("cells_u32_20_23", 32, 20, 23, 0), ("cells_s32_20_27", 32, 20, 27, 1),
    ("cells_s16_12_11_dirty", 16, 12, 11, 1), ("cells_u16_12_15", 16, 12, 15, 0), ("cells_u16_1_0", 16, 1, 0, 0),
    ("cells_s16_2_15", 16, 2, 15, 1), ("cells_u32_32", 32, 32, 31, 0), ("cells_s32_32", 32, 32, 31, 1), ("cells_u16_16", 16, 16, 15, 0),
]:
    low, top = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
    values = noise((7, 9), low, top, f"{'' if signed else 'u'}int{allocated}")
    values.flat[0], values.flat[1] = low, top
    ds = dataset(7, 9, allocated=allocated, stored=stored, high=high, signed=signed, PixelData=words(values, stored, high, allocated))
    ds["PixelData"].VR = "OB" if allocated == 8 else "OW"
    save(name, ds, values, f"{allocated} allocated, {stored} stored, high bit {high}, noise in the other bits", check=False)

values = noise((7, 9), 0, 4095, "uint16")
planes = noise((7, 9), 0, 15, "uint16")
ds = dataset(7, 9, stored=12, PixelData=(values | planes << 12).astype("<u2").tobytes())
for n in range(2):
    group = 0x6000 + 2 * n
    ds.add_new(group << 16 | 0x10, "US", 7); ds.add_new(group << 16 | 0x11, "US", 9); ds.add_new(group << 16 | 0x40, "CS", "G")
    ds.add_new(group << 16 | 0x50, "SS", [1, 1]); ds.add_new(group << 16 | 0x100, "US", 16); ds.add_new(group << 16 | 0x102, "US", 12 + n)
save("overlays_embedded", ds, values, "two overlays in bits 12 and 13", check=False)

for name, syntax, dtype in [("be_16", ExplicitVRBigEndian, ">u2"), ("be_32", ExplicitVRBigEndian, ">u4"), ("be_s16", ExplicitVRBigEndian, ">i2")]:
    size = int(dtype[2])
    values = noise((5, 7), -300 if dtype[1] == "i" else 0, 30000, f"{'' if dtype[1] == 'i' else 'u'}int{8 * size}")
    ds = dataset(5, 7, allocated=8 * size, signed=int(dtype[1] == "i"), PixelData=values.astype(dtype).tobytes())
    ds["PixelData"].VR = "OW"
    save(name, ds, values, "big endian cells", syntax, check=False)

for name, shape, samples in [("be_8_ow_even", (6, 8), 1), ("be_8_ow_odd", (5, 7), 1), ("be_rgb_ow", (3, 5), 3)]:
    values = noise((*shape, samples), 0, 255, "uint8")
    data = values.tobytes() + b"\0" * (values.size % 2)
    swapped = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    ds = dataset(*shape, "RGB" if samples == 3 else "MONOCHROME2", 8, samples=samples, PixelData=swapped)
    ds["PixelData"].VR = "OW"
    save(name, ds, values, "big endian words of two 8-bit cells", ExplicitVRBigEndian, rgb=values if samples == 3 else None)
values = noise((5, 7), 0, 255, "uint8")
ds = dataset(5, 7, allocated=8, PixelData=values.tobytes() + b"\0")
ds["PixelData"].VR = "OB"
save("be_8_ob", ds, values, "big endian, bytes", ExplicitVRBigEndian)

for name, size, tag in [("float", 4, "FloatPixelData"), ("double", 8, "DoubleFloatPixelData")]:
    for suffix, syntax in [("le", ExplicitVRLittleEndian), ("be", ExplicitVRBigEndian), ("implicit", ImplicitVRLittleEndian)]:
        values = (RNG.standard_normal((5, 6)) * 1000).astype(f"float{8 * size}")
        ds = dataset(5, 6, allocated=8 * size)
        del ds.BitsStored, ds.HighBit, ds.PixelRepresentation
        setattr(ds, tag, values.astype(f"{'>' if suffix == 'be' else '<'}f{size}").tobytes())
        save(f"{name}_{suffix}", ds, values, f"{tag}", syntax, check=suffix != "be")

bits = noise((3, 5, 7), 0, 1, "uint8")
packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
packed += b"\0" * (len(packed) % 2)
ds = dataset(5, 7, allocated=1, NumberOfFrames=3, PixelData=packed)
ds["PixelData"].VR = "OB"
save("bits_unaligned", ds, bits, "35 bits a frame, frames not on bytes")
ds["PixelData"].VR = "OW"
ds.PixelData = np.frombuffer(packed, "<u2").astype(">u2").tobytes()
save("bits_big_endian_ow", ds, bits, "the same in big endian words (PS3.5 8.1.1)", ExplicitVRBigEndian, check=False)

# ------------------------------------------------------------------------------------------------------------- colour
def to_rgb(ybr):
    y, cb, cr = (ybr[..., i].astype(float) for i in range(3))
    cb, cr = cb - 128, cr - 128
    rgb = np.stack([y + 1.402 * cr, y - (0.114 * 1.772 / 0.587) * cb - (0.299 * 1.402 / 0.587) * cr, y + 1.772 * cb], -1)
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


def smooth(shape):
    """Colours whose round trip through the conversion does not hang on rounding."""
    return noise(shape, 60, 180, "uint8")


ybr = smooth((4, 5, 3))
ds = dataset(4, 5, "YBR_FULL", 8, samples=3, PixelData=np.moveaxis(ybr, -1, 0).tobytes())
ds.PlanarConfiguration = 1
save("ybr_full_planar", ds, ybr, "YBR_FULL in planes", rgb=to_rgb(ybr))

pairs = smooth((10, 4))
flat = np.stack([np.stack([pairs[:, i], pairs[:, 2], pairs[:, 3]], -1) for i in range(2)], 1).reshape(4, 5, 3)
ds = dataset(4, 5, "YBR_FULL_422", 8, samples=3, PixelData=pairs.tobytes())
save("ybr_422_odd_width", ds, flat, "YBR_FULL_422, uncompressed, odd width: pairs go on over the rows", rgb=to_rgb(flat))

two = smooth((2, 4, 6, 3))
ds = dataset(4, 6, "RGB", 8, samples=3, NumberOfFrames=2, PixelData=np.moveaxis(two, -1, 1).tobytes())
ds.PlanarConfiguration = 1
save("rgb_planar_frames", ds, two, "RGB in planes, two frames", rgb=two)


def rle(frames, bytes_per_sample):
    """One PS3.5 annex G frame each, by pydicom's own encoder."""
    return encapsulate([_rle_frame(frame, bytes_per_sample) for frame in frames])


def _rle_frame(frame, size):
    segments = []
    for sample in range(frame.shape[-1]):
        plane = np.ascontiguousarray(frame[..., sample]).astype(f"<{'u' if frame.dtype.kind == 'u' else 'i'}{size}").tobytes()
        for byte in reversed(range(size)):
            segments.append(_pack(plane[byte::size]))
    offsets, at = [], 64
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    return struct.pack("<16I", len(segments), *offsets, *([0] * (15 - len(segments)))) + b"".join(segments)


def _pack(data):
    out, at = bytearray(), 0
    while at < len(data):
        run = 1
        while run < 128 and at + run < len(data) and data[at + run] == data[at]:
            run += 1
        if run > 1:
            out += bytes([257 - run, data[at]])
            at += run
        else:
            end = at + 1
            while end < len(data) and end - at < 128 and (end + 1 >= len(data) or data[end] != data[end + 1]):
                end += 1
            out += bytes([end - at - 1]) + data[at:end]
            at = end
    return bytes(out) + b"\0" * (len(out) % 2)


def save_rle(name, ds, stored, note, frames, size, **more):
    ds.PixelData = rle(frames, size)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    save(name, ds, stored, note, RLELossless, **more)


rgb = smooth((4, 5, 3))
ds = dataset(4, 5, "RGB", 8, samples=3)
ds.PlanarConfiguration = 1
save_rle("rle_rgb_planar", ds, rgb, "RLE, RGB, planar configuration 1", [rgb], 1, rgb=rgb)
ds = dataset(4, 5, "YBR_FULL", 8, samples=3)
save_rle("rle_ybr_full", ds, rgb, "RLE, YBR_FULL", [rgb], 1, rgb=to_rgb(rgb))
values = noise((2, 5, 6, 1), -2048, 2047, "int16")
cells = (values.astype(np.int64) & 0xFFF).astype("uint16")
ds = dataset(5, 6, stored=12, signed=1, NumberOfFrames=2)
save_rle("rle_s12_not_extended", ds, values, "RLE, signed 12 bits whose upper bits are zero, two frames", list(cells), 2, check=False)
values = noise((1, 5, 6, 1), 0, 2**32 - 1, "uint32")
ds = dataset(5, 6, allocated=32)
save_rle("rle_32", ds, values, "RLE, 32 bits", list(values), 4)
values = noise((1, 5, 6, 1), 0, 1023, "uint16")
ds = dataset(5, 6, stored=10, high=13)
save_rle("rle_highbit", ds, values, "RLE, 10 bits up to bit 13", list((values << 4).astype("uint16")), 2, check=False)
rgb16 = noise((1, 4, 5, 3), 0, 4095, "uint16")
ds = dataset(4, 5, "RGB", 16, 12, samples=3)
save_rle("rle_rgb_16", ds, rgb16, "RLE, RGB of 12 bits in 16", list(rgb16), 2)


def palette(ds, tables, bits, first=0, signed=False, segmented=None, packed=False):
    for i, name in enumerate(["Red", "Green", "Blue"]):
        count = len(tables[i]) % 65536
        ds.add_new(0x00281101 + i, "SS" if signed else "US", [count, first, bits])
        if segmented:
            data = segmented[i]
            ds.add_new(0x00281221 + i, "OW", data)
        else:
            data = np.asarray(tables[i], "u1").tobytes() if packed else np.asarray(tables[i], "<u2").tobytes()
            ds.add_new(0x00281201 + i, "OW", data + b"\0" * (len(data) % 2))


def look_up(values, tables, bits, first=0):
    index = np.clip(values.astype(int) - first, 0, len(tables[0]) - 1)
    return np.stack([(np.asarray(t)[index] >> (bits - 8)).astype(np.uint8) for t in tables], -1)


index8 = noise((5, 6), 0, 255, "uint8")
tables16 = [noise(256, 0, 65535, "uint16") for _ in range(3)]
ds = dataset(5, 6, "PALETTE COLOR", 8, PixelData=index8.tobytes())
palette(ds, tables16, 16)
save("palette_16", ds, index8, "16-bit entries", rgb=look_up(index8, tables16, 16))
tables8 = [noise(200, 0, 255, "uint8") for _ in range(3)]
ds = dataset(5, 6, "PALETTE COLOR", 8, PixelData=index8.tobytes())
palette(ds, tables8, 8, first=20, packed=True)
save("palette_8_packed_first", ds, index8, "200 packed 8-bit entries from 20: indices beyond take the ends", rgb=look_up(index8, tables8, 8, 20))
ds = dataset(5, 6, "PALETTE COLOR", 8, PixelData=index8.tobytes())
palette(ds, [t.astype("uint16") for t in tables8], 8, first=20)
save("palette_8_in_words", ds, index8, "8-bit entries, one a word", rgb=look_up(index8, tables8, 8, 20))
signed_index = noise((5, 6), -128, 127, "int16")
tables = [noise(256, 0, 65535, "uint16") for _ in range(3)]
ds = dataset(5, 6, "PALETTE COLOR", 16, signed=1, PixelData=signed_index.astype("<i2").tobytes())
palette(ds, tables, 16, first=-128, signed=True)
save("palette_signed", ds, signed_index, "signed indices, first mapped -128", rgb=look_up(signed_index, tables, 16, -128))
index16 = noise((5, 6), 0, 65535, "uint16")
big = [noise(65536, 0, 65535, "uint16") for _ in range(3)]
index8[0, 0] = 255
ramp = np.concatenate([np.full(10, 1000), np.round(1000 + (60000 - 1000) * np.arange(1, 101) / 100), [60000, 59000, 58000]]).astype(int)
# discrete 10, linear 100, discrete 3, then indirect: the first two segments again
segments = [0, 10, *[1000] * 10, 1, 100, 60000, 0, 3, 60000, 59000, 58000]
indirect = [2, 2, 0, 0]
full = list(ramp) + [1000] * 10 + list(np.round(1000 + (60000 - 1000) * np.arange(1, 101) / 100).astype(int))
data = np.asarray(segments + indirect, "<u2").tobytes()
ds = dataset(5, 6, "PALETTE COLOR", 8, PixelData=index8.tobytes())
palette(ds, [full] * 3, 16, segmented=[data] * 3)
save("palette_segmented_16", ds, index8, "discrete, linear and indirect segments, 16 bits", rgb=look_up(index8, [full] * 3, 16))
seg8 = [0, 4, 10, 20, 30, 40, 1, 60, 250, 0, 2, 5, 6, 2, 2, 0, 0, 0, 0]
lin = list(np.round(40 + (250 - 40) * np.arange(1, 61) / 60).astype(int))
full8 = [10, 20, 30, 40] + lin + [5, 6] + [10, 20, 30, 40] + lin
data8 = bytes(seg8) + b"\0" * (len(seg8) % 2)
ds = dataset(5, 6, "PALETTE COLOR", 8, PixelData=index8.tobytes())
palette(ds, [full8] * 3, 8, segmented=[data8] * 3)
save("palette_segmented_8", ds, index8, "segments of bytes", rgb=look_up(index8, [full8] * 3, 8))
ds = dataset(5, 6, "PALETTE COLOR", 8)
palette(ds, tables16, 16)
save_rle("palette_rle", ds, index8, "PALETTE COLOR in RLE", [index8[..., None]], 1, rgb=look_up(index8, tables16, 16))

# ------------------------------------------------------------------------------------------------------------- frames
def j2k(frame):
    from openjpeg.utils import encode_array
    return encode_array(frame, bits_stored=12, photometric_interpretation=2)


frames = noise((3, 32, 40), 0, 4095, "uint16")
streams = [j2k(frame) for frame in frames]


def fragments(parts, table=b""):
    items = [table, *parts]
    items = [item + b"\0" * (len(item) % 2) for item in items]
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item for item in items)


def thirds(stream):
    step = (len(stream) // 3) & ~1
    return [stream[:step], stream[step:2 * step], stream[2 * step:]]


def save_frames(name, data, note, **extra):
    ds = dataset(32, 40, stored=12, NumberOfFrames=3, PixelData=data, **extra)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    save(name, ds, frames, note, JPEG2000Lossless, check=False)


parts = [thirds(stream) for stream in streams]
flat_parts = [part for group in parts for part in group]
sizes = [[len(p) + len(p) % 2 for p in group] for group in parts]
starts, at = [], 0
for group in sizes:
    starts.append(at)
    at += sum(size + 8 for size in group)
save_frames("frames_no_table", fragments(flat_parts), "three fragments a frame, empty offset table")
save_frames("frames_table", fragments(flat_parts, struct.pack("<3I", *starts)), "three fragments a frame, basic offset table")
save_frames("frames_wrong_table", fragments(flat_parts, struct.pack("<3I", 0, 10, 20)), "an offset table that points nowhere")
whole = [s + b"\0" * (len(s) % 2) for s in streams]
lengths = [len(s) for s in whole]
table = [sum(n + 8 for n in lengths[:i]) for i in range(3)]
save_frames("frames_extended_table", fragments(whole), "extended offset table",
            ExtendedOffsetTable=struct.pack("<3Q", *table), ExtendedOffsetTableLengths=struct.pack("<3Q", *lengths))

values = noise((2, 5, 7), 0, 4095, "uint16")
deflated = []
for frame in values:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated.append(packer.compress(frame.astype("<u2").tobytes()) + packer.flush())
ds = dataset(5, 7, stored=12, NumberOfFrames=2, PixelData=fragments(deflated))
ds["PixelData"].VR = "OB"
ds["PixelData"].is_undefined_length = True
save("deflated_frames", ds, values, "Deflated Image Frame Compression, two frames", UID("1.2.840.10008.1.2.8.1"), check=False)
ds.PixelData = fragments([f.astype("<u2").tobytes() for f in values])
ds["PixelData"].is_undefined_length = True
save("encapsulated_uncompressed", ds, values, "Encapsulated Uncompressed, two frames", UID("1.2.840.10008.1.2.1.98"), check=False)

# ------------------------------------------------------------------------------------------------------------- grays
gray12 = noise((7, 9), 0, 4095, "uint16")
gray12.flat[:6] = [0, 4095, 2047, 2048, 2049, 1]


def gray_file(name, note, voi, modality=None, signed=None, syntax=ExplicitVRLittleEndian, photometric="MONOCHROME2", **extra):
    values = gray12 if signed is None else signed
    ds = dataset(7, 9, photometric, stored=12 if signed is None else 16, signed=int(signed is not None), PixelData=values.astype("<u2" if signed is None else "<i2").tobytes(), **extra)
    save(name, ds, values, note, syntax, modality=modality, gray=voi)


for function in ["LINEAR", "LINEAR_EXACT", "SIGMOID"]:
    for c, w in [(2048, 2), (2048, 1), (2047.5, 3.5), (2000, 1500.5), (-100, 20000)]:
        gray_file(f"window_{function.lower()}_{w}".replace(".", "_"), f"{function} {c} {w}", window(gray12, c, w, function), WindowCenter=c, WindowWidth=w, VOILUTFunction=function)
gray_file("window_linear_below_1", "LINEAR of width 0.5 is none: the range is shown", ("minmax", minmax(gray12.astype(float))), WindowCenter=100, WindowWidth=0.5)
gray_file("window_exact_below_1", "LINEAR_EXACT of width 0.5", window(gray12, 2048, 0.5, "LINEAR_EXACT"), WindowCenter=2048, WindowWidth=0.5, VOILUTFunction="LINEAR_EXACT")
gray_file("window_several", "three windows with explanations", window(gray12, 1000, 500), WindowCenter=[1000, 2000, 3000], WindowWidth=[500, 600, 700], WindowCenterWidthExplanation=["A", "B", "C"])
gray_file("window_rescaled", "slope and intercept with fractions", window(gray12 * -1.25 + 100.5, -1000, 1500), gray12 * -1.25 + 100.5, RescaleSlope="-1.25", RescaleIntercept="100.5", WindowCenter=-1000, WindowWidth=1500)
gray_file("window_monochrome1", "MONOCHROME1, INVERSE, padding range", window(gray12, 2048, 1000), photometric="MONOCHROME1", PresentationLUTShape="INVERSE", PixelPaddingValue=0, PixelPaddingRangeLimit=10, WindowCenter=2048, WindowWidth=1000)
gray_file("window_implicit", "implicit VR", window(gray12, 2048, 1000), syntax=ImplicitVRLittleEndian, WindowCenter=2048, WindowWidth=1000)
signed12 = noise((7, 9), -2000, 2000, "int16")
signed12.flat[:3] = [-2000, 2000, 0]
gray_file("window_signed", "signed, SIGMOID", window(signed12, -100, 900, "SIGMOID"), signed=signed12, WindowCenter=-100, WindowWidth=900, VOILUTFunction="SIGMOID")

table = noise(4096, 0, 4095, "uint16")
for suffix, syntax in [("explicit", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)]:
    gray_file(f"mlut_12_{suffix}", "Modality LUT, 12-bit entries", None, table[gray12].astype(float), syntax=syntax, ModalityLUTSequence=Sequence([lut_item(0, table, 12)]))
short = noise(100, 0, 255, "uint8")
index = np.clip(gray12.astype(int) - 2000, 0, 99)
gray_file("mlut_8_words", "Modality LUT, 100 8-bit entries in words from 2000", None, short[index].astype(float), ModalityLUTSequence=Sequence([lut_item(2000, short, 8)]))
item = lut_item(2000, short, 8, data_bytes=short.tobytes())
gray_file("mlut_8_packed", "Modality LUT, 8-bit entries two in a word", None, short[index].astype(float), ModalityLUTSequence=Sequence([item]))
wide = noise(4000, 0, 65535, "uint16")
index = np.clip(signed12.astype(int) + 1500, 0, 3999)
gray_file("mlut_signed_first", "signed values, Modality LUT from -1500", None, wide[index].astype(float), signed=signed12, ModalityLUTSequence=Sequence([lut_item(-1500, wide, 16, signed=True)]))
item = lut_item(-1500 & 0xFFFF, wide, 16)
gray_file("mlut_signed_first_as_us", "the same, its descriptor written as US", None, wide[index].astype(float), signed=signed12, ModalityLUTSequence=Sequence([item]))
voi = noise(1000, 0, 1023, "uint16")
gray_file("vlut_10", "VOI LUT of 10 bits from 1500", lut(gray12, 1500, voi, 10), VOILUTSequence=Sequence([lut_item(1500, voi, 10)]))
gray_file("vlut_10_us", "the same, its data as US", lut(gray12, 1500, voi, 10), VOILUTSequence=Sequence([lut_item(1500, voi, 10, data="US")]))
gray_file("vlut_rescaled", "VOI LUT from -500 over rescaled values", lut(gray12 * 1.5 - 2000.0, -500, voi, 10), gray12 * 1.5 - 2000.0, RescaleSlope="1.5", RescaleIntercept="-2000", VOILUTSequence=Sequence([lut_item(-500, voi, 10, signed=True)]))
byte_voi = noise(300, 0, 255, "uint8")
gray_file("vlut_8_packed", "VOI LUT of bytes", lut(gray12, 2000, byte_voi, 8), VOILUTSequence=Sequence([lut_item(2000, byte_voi, 8, data_bytes=byte_voi.tobytes())]))
gray_file("vlut_signed", "signed values, VOI LUT from -1000", lut(signed12, -1000, voi, 10), signed=signed12, VOILUTSequence=Sequence([lut_item(-1000, voi, 10, signed=True)]))
large = noise(65536, 0, 65535, "uint16")
gray_file("mlut_then_vlut", "Modality LUT, then VOI LUT", lut(table[gray12], 1500, voi, 10), table[gray12].astype(float), ModalityLUTSequence=Sequence([lut_item(0, table, 12)]), VOILUTSequence=Sequence([lut_item(1500, voi, 10)]))

frames3 = noise((3, 5, 6), 0, 4095, "uint16")
frames3[2, 0, 0], frames3[0] = 4095, np.minimum(frames3[0], 2000)
ds = dataset(5, 6, stored=12, NumberOfFrames=3, PixelData=frames3.astype("<u2").tobytes())
save("frames_minmax", ds, frames3, "minimum to maximum goes over all frames")

# ------------------------------------------------------------------------------------------------------------- files
values = gray12
base = dataset(7, 9, stored=12, WindowCenter=2048, WindowWidth=1000)
base.PixelData = values.astype("<u2").tobytes()
inner = Dataset()
inner.Rows, inner.Columns, inner.PixelData = 2, 2, b"\1\2\3\4"
inner["PixelData"].VR = "OB"
inner.BitsAllocated = 8
base.IconImageSequence = Sequence([inner])
base.IconImageSequence[0].is_undefined_length_sequence_item = True
base["IconImageSequence"].is_undefined_length = True
block = base.private_block(0x0019, "CHEXREASON TEST", create=True)
block.add_new(1, "LO", "private text")
block.add_new(2, "OB", bytes(range(64)))
nested = Dataset()
nested.CodeValue = "1"
block.add_new(3, "SQ", Sequence([nested]))
save("nested_and_private", base, values, "an icon with pixels of its own, undefined lengths, private data", gray=window(values, 2048, 1000))
plain = (HERE / "nested_and_private.dcm").read_bytes()
save("no_preamble", base, values, "DICM at once, no preamble", gray=window(values, 2048, 1000), raw=plain[128:], check=False)
meta_end = 132 + 12 + struct.unpack("<I", plain[140:144])[0]
save("no_prefix", base, values, "meta header, neither preamble nor DICM", gray=window(values, 2048, 1000), raw=plain[132:], check=False)
save("no_meta", base, values, "the data set alone", gray=window(values, 2048, 1000), raw=plain[meta_end:], check=False)
save("preamble_no_meta", base, values, "preamble and DICM, and then the data set", gray=window(values, 2048, 1000), raw=plain[:132] + plain[meta_end:], check=False)

(HERE / "manifest.json").write_text(json.dumps({"tools": {"pydicom": pydicom.__version__, "numpy": np.__version__}, "files": ENTRIES}, indent=1) + "\n")
print(len(ENTRIES), "files;", [e["path"] for e in ENTRIES if e.get("pydicom")])
