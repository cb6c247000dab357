"""Makes letters.zip and letters.json beside this file: three alphabets of pictures of every color type, depth and filter, written
by Python's zlib and zipfile alone, and the darkness of their pixels."""
import json, os, random, struct, zipfile, zlib

here = os.path.dirname(os.path.abspath(__file__))
rng = random.Random(7)
WIDTH, HEIGHT = 11, 11


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(rows, step):
    out, above = b'', bytes(len(rows[0]))
    for k, row in enumerate(rows):
        left = bytes(step) + row
        corner = bytes(step) + above
        kind = k % 5
        guess = [
            lambda i: 0,
            lambda i: left[i],
            lambda i: above[i],
            lambda i: (left[i] + above[i]) // 2,
            lambda i: paeth(left[i], above[i], corner[i]),
        ][kind]
        out += bytes([kind]) + bytes((x - guess(i)) & 255 for i, x in enumerate(row))
        above = row
    return out


def png(color, depth):
    """A random picture and the darkness of each pixel, 0 to 1."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    most = 2**depth - 1
    palette = [[rng.randrange(256) for _ in range(3)] for _ in range(min(256, most + 1))]
    pixels = [[[rng.randint(0, most) for _ in range(samples)] for _ in range(WIDTH)] for _ in range(HEIGHT)]
    rows, dark = [], []
    for line in pixels:
        bits = ''.join(format(sample, '0%db' % depth) for pixel in line for sample in pixel)
        bits += '0' * (-len(bits) % 8)
        rows.append(bytes(int(bits[k:k + 8], 2) for k in range(0, len(bits), 8)))
        for pixel in line:
            if color == 3:
                light = sum(palette[pixel[0]]) / 765
            elif color in (0, 4):
                light = pixel[0] / most
            else:
                light = sum(pixel[:3]) / 3 / most
            alpha = pixel[-1] / most if color in (4, 6) else 1
            dark.append(alpha * (1 - light))
    data = zlib.compress(filtered(rows, max(1, samples * depth // 8)))
    head = chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, HEIGHT, depth, color, 0, 0, 0))
    table = chunk(b'PLTE', bytes(x for entry in palette for x in entry)) if color == 3 else b''
    half = len(data) // 2
    body = chunk(b'tEXt', b'a\0b') + table + chunk(b'IDAT', data[:half]) + chunk(b'IDAT', data[half:])
    return b'\x89PNG\r\n\x1a\n' + head + body + chunk(b'IEND', b''), dark


KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16)]
KINDS += [(6, 8), (6, 16)]
expected = {}
with zipfile.ZipFile(os.path.join(here, 'letters.zip'), 'w') as archive:
    archive.comment = b'made by Python'
    for number in range(24):  # 4 alphabets of 2 characters of 3 drawings
        color, depth = KINDS[number % len(KINDS)]
        picture, dark = png(color, depth)
        alphabet, character, drawing = 'ABCD'[number // 6], number // 3 % 2 + 1, number % 3 + 1
        name = 'letters/%s/character%02d/%04d_%02d.png' % (alphabet, character, number // 3, drawing)
        info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
        archive.writestr(info, picture)
        expected[name] = {'color': color, 'depth': depth, 'darkness': [round(x, 6) for x in dark]}
    archive.writestr(zipfile.ZipInfo('letters/readme.txt', (2000, 1, 1, 0, 0, 0)), 'no picture')
json.dump(expected, open(os.path.join(here, 'letters.json'), 'w'), separators=(',', ':'))
